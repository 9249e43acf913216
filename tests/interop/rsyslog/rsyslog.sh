#!/usr/bin/env bash
# rsyslog in the matrix: lines of a file go to the topic `in` (omkafka), and from there to another file (imkafka).
set -euo pipefail
bootstrap=$1
shift
only=" $* "
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$work"' EXIT
touch "$work/source" "$work/sink"

cat > "$work/rsyslog.conf" << CONF
global(workDirectory="$work")
module(load="imfile" mode="polling" pollingInterval="1")
module(load="omkafka")
module(load="imkafka")
template(name="message" type="string" string="%rawmsg%\n")
template(name="value" type="string" string="%msg%")

input(type="imfile" file="$work/source" tag="source" persistStateInterval="1" ruleset="ship")
ruleset(name="ship") {
  action(type="omkafka" broker=["$bootstrap"] topic="in" template="value" partitions.auto="on"
    confParam=["acks=all"] resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="$work/failed" action.resumeRetryCount="-1" action.resumeInterval="1")
}

input(type="imkafka" broker=["$bootstrap"] topic="in" consumergroup="rsyslog" confParam=["auto.offset.reset=earliest"] ruleset="collect")
ruleset(name="collect") {
  action(type="omfile" file="$work/sink" template="message")
}
CONF

shows() { # CAPABILITY COMMAND…
  [ "$only" = "  " ] || [[ $only = *" $1 "* ]] || return 0
  "${@:2}"
  echo "$1 ok"
}

fails() {
  echo "$*" >&2
  exit 1
}

start() {
  rsyslogd -n -f "$work/rsyslog.conf" -i "$work/pid" >&2 &
  process=$!
}

stop() {
  kill "$process"
  wait "$process"
}

write() { # WHEN
  local number
  for ((number = 0; number < 50; number++)); do echo "$1 $number" >> "$work/source"; done
}

# Every line of the one file is in the other.
is_shipped() {
  [ -z "$(comm -13 <(sort -u "$work/sink") <(sort "$work/source"))" ]
}

has_lines() { # FILE COUNT
  [ "$(wc -l < "$1")" -ge "$2" ]
}

until_true() { # COMMAND…
  local tries=0
  until "$@"; do
    [ $((tries += 1)) -lt 1200 ] || fails "not within two minutes: $*; missing are $(comm -13 <(sort -u "$work/sink") <(sort "$work/source") | head)"
    sleep 0.1
  done
}

flow() {
  write flow
  until_true is_shipped
}

resume() {
  write before
  until_true is_shipped
  stop
  write meanwhile
  start
  until_true is_shipped
}

restart() {
  local before
  (for ((number = 0; ; number++)); do
    [ ! -e "$work/stop" ] || break
    echo "value $number" >> "$work/source"
    sleep 0.005
  done) &
  local writer=$!
  before=$(wc -l < "$work/sink")
  until_true has_lines "$work/sink" $((before + 200))
  echo "restart please"
  read -r line
  [ "$line" = restarted ] || fails "the driver says $line"
  until_true has_lines "$work/source" $(($(wc -l < "$work/source") + 200))
  touch "$work/stop"
  wait "$writer"
  until_true is_shipped
}

start
shows flow flow
shows resume resume
shows restart restart
