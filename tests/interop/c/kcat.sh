#!/usr/bin/env bash
# kcat, and with it librdkafka, in the client matrix.
set -euo pipefail
bootstrap=$1
shift
only=" $* "
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT

shows() { # CAPABILITY COMMAND…
  [ "$only" = "  " ] || [[ $only = *" $1 "* ]] || return 0
  "${@:2}"
  echo "$1 ok"
}

lacks() { # CAPABILITY REASON
  [ "$only" = "  " ] || [[ $only = *" $1 "* ]] || return 0
  echo "$1 not offered: $2"
}

fails() {
  echo "$*" >&2
  exit 1
}

same() { # FILE FILE
  diff "$1" "$2" >&2 || fails "$1 and $2 differ"
}

until_true() { # COMMAND…
  local tries=0
  until "$@"; do
    [ $((tries += 1)) -lt 1200 ] || fails "not within two minutes: $*"
    sleep 0.1
  done
}

# Lines that compress well.
values() { # PREFIX COUNT
  local number flour
  flour=$(printf ' flour%.0s' {1..50})
  for ((number = 0; number < $2; number++)); do echo "$1 $number$flour"; done
}

produce() { # TOPIC PARTITION OPTION…
  kcat -P -b "$bootstrap" -t "$1" -p "$2" -X acks=all "${@:3}"
}

read_from() { # TOPIC OFFSET COUNT
  kcat -C -q -b "$bootstrap" -t "$1" -p 0 -o "$2" -c "$3"
}

codec() { # NAME
  values "$1" 20 > "$work/sent"
  produce "codec-$1" 0 -X "compression.codec=$1" -X linger.ms=50 < "$work/sent"
  read_from "codec-$1" beginning 20 > "$work/read"
  same "$work/sent" "$work/read"
}

idempotent() {
  values idempotent 100 > "$work/sent"
  produce idempotent 0 -X enable.idempotence=true -X batch.num.messages=10 < "$work/sent"
  read_from idempotent beginning 100 > "$work/read"
  same "$work/sent" "$work/read"
}

# A member of a group writes what it reads to NAME, and what it is assigned to NAME.said.
join() { # NAME
  kcat -G group -u -b "$bootstrap" -X auto.offset.reset=earliest -X heartbeat.interval.ms=300 group > "$work/$1" 2> "$work/$1.said" &
  echo $! > "$work/$1.process"
}

leave() { # NAME
  local process
  process=$(cat "$work/$1.process")
  kill "$process"
  wait "$process" || true
}

owns() { # NAME
  grep rebalanced "$work/$1.said" 2> /dev/null | tail -n 1 | grep 'assigned:' | grep -o '\[[0-9]*\]'
}

share_all() { # NAME…
  local name
  for name in "$@"; do [ -n "$(owns "$name")" ] || return 1; done
  [ "$(for name in "$@"; do owns "$name"; done | sort | tr -d '\n')" = '[0][1][2][3]' ]
}

have_all() {
  [ -z "$(sort -u "$work/first" "$work/second" | comm -13 - <(sort "$work/sent"))" ]
}

send_to_all() { # WHEN
  local partition
  for partition in 0 1 2 3; do
    values "$1 $partition" 10 > "$work/part"
    produce group "$partition" < "$work/part"
    cat "$work/part" >> "$work/sent"
  done
  until_true have_all
}

group() {
  : > "$work/sent"
  : > "$work/second"
  join first
  until_true share_all first
  send_to_all alone
  join second
  until_true share_all first second
  send_to_all shared
  leave first
  until_true share_all second
  send_to_all 'taken over'
  leave second
}

resume() {
  values resume 20 > "$work/sent"
  produce resume 0 < "$work/sent"
  local part
  for part in 1 2; do
    kcat -G resume -q -b "$bootstrap" -X auto.offset.reset=earliest -c 10 resume > "$work/read.$part"
  done
  cat "$work/read.1" "$work/read.2" > "$work/read"
  same "$work/sent" "$work/read"
}

seek() {
  values seek 20 > "$work/sent"
  produce seek 0 < "$work/sent"
  read_from seek 15 5 > "$work/read"
  same <(tail -n 5 "$work/sent") "$work/read"
  read_from seek beginning 20 > "$work/read"
  same "$work/sent" "$work/read"
}

has_lines() { # FILE COUNT
  [ "$(wc -l < "$1")" -ge "$2" ]
}

has_all_of() { # FILE FILE
  [ -z "$(comm -13 <(sort -u "$1") <(sort "$2"))" ]
}

restart() {
  # -E: a broker that is away is no reason to end.
  kcat -C -E -q -u -b "$bootstrap" -t restart -o beginning > "$work/read" &
  : > "$work/sent"
  (
    for ((number = 0; ; number++)); do
      [ ! -e "$work/stop" ] || break
      echo "value $number" | tee -a "$work/sent"
      sleep 0.005
    done
  ) | kcat -P -E -b "$bootstrap" -t restart -X acks=all &
  producer=$!
  until_true has_lines "$work/read" 200
  echo "restart please"
  read -r line
  [ "$line" = restarted ] || fails "the driver says $line"
  until_true has_lines "$work/sent" $(($(wc -l < "$work/sent") + 200))
  touch "$work/stop"
  # It ends well when everything was acknowledged.
  wait "$producer"
  until_true has_all_of "$work/read" "$work/sent"
}

for name in none gzip snappy lz4 zstd; do shows "$name" codec "$name"; done
shows idempotent idempotent
lacks transactions 'kcat has none'
lacks exactly-once 'kcat has none'
shows group group
lacks group-848 'its librdkafka has the classic protocol only'
lacks share 'kcat has no share consumer'
shows resume resume
shows seek seek
lacks admin 'kcat lists topics, and changes nothing'
shows restart restart
