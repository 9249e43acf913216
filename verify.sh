#!/usr/bin/env bash
# Every check there is; writes nothing but the target folder.
#
#   ./verify.sh                 all stages
#   ./verify.sh lint interop    some of them
#
# MILLPOND_SKIPS_FAIL=1 turns every skipped test into a failure, as CI does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/interop
shared=$PWD/../shared

lint() {
  cargo fmt --all --check
  cargo fmt --manifest-path tests/interop/rust/Cargo.toml --check
  cargo clippy --workspace --all-targets -- -D warnings
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
}

# The core without an allocator, the library without a runtime, the core where there is no operating system.
small() {
  cargo build -p millpond-core --no-default-features
  cargo build -p millpond --no-default-features
  if [ -x "$shared/baremetal/setup.sh" ]; then
    local machines="thumbv7em-none-eabihf thumbv6m-none-eabi"
    TARGETS=$machines "$shared/baremetal/setup.sh"
    for machine in $machines; do
      RUSTUP_TOOLCHAIN=baremetal cargo build -p millpond-core --no-default-features --target "$machine" --target-dir "$target/baremetal"
      RUSTUP_TOOLCHAIN=baremetal cargo build -p millpond-core --target "$machine" --target-dir "$target/baremetal"
    done
  else
    lacks "the core on bare metal" "../shared/baremetal/setup.sh"
  fi
}

# The broker as it is handed out.
broker() {
  cargo build --release -p millpond --bin millpond --features tiered-s3
  export MILLPOND_BIN=$target/release/millpond
}

# Every client there is. By itself: compiling clients would take the time from tests that look at clocks.
matrix() {
  broker
  MILLPOND_MATRIX=1 cargo test -p millpond-tests --test it interop::matrix::
}

# Everything else that `cargo test` skips where it is missing: foreign clients, Kafka's definitions, Kafka's recorded answers.
interop() {
  broker
  definitions
  export MILLPOND_KAFKA_DEFINITIONS=$tools/definitions
  if [ -z "${MILLPOND_TRACES:-}" ] && [ -d "$shared/traces" ]; then export MILLPOND_TRACES=$shared/traces; fi
  # Thousands of simulated worlds, and of random days of groups.
  export MILLPOND_SEEDS=${MILLPOND_SEEDS:-4000}
  cargo test -p millpond-core --lib members_tests::
  cargo test -p millpond-tests --test it -- --skip interop::matrix::
}

# Kafka's own definitions of its messages and records, out of the jars that Maven brought.
definitions() {
  mkdir -p "$tools/jars" "$tools/definitions"
  mvn --quiet --batch-mode --file tests/interop/java/pom.xml dependency:copy-dependencies \
    -DincludeGroupIds=org.apache.kafka -DoutputDirectory="$tools/jars"
  python3 - "$tools/jars" "$tools/definitions" <<'PYTHON'
import pathlib, sys, zipfile

jars, out = map(pathlib.Path, sys.argv[1:])
found = 0
# Kafka Streams has a message of its own among its classes, which no broker sees.
for jar in sorted(jar for jar in jars.glob("*.jar") if not jar.name.startswith("kafka-streams")):
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            path = pathlib.PurePosixPath(name)
            # message: requests and responses, and the coordinators' records; metadata: KRaft's records.
            if path.suffix == ".json" and path.parent.name in ("message", "metadata"):
                (out / path.name).write_bytes(archive.read(name))
                found += 1
print(f"{found} definitions")
sys.exit(found == 0)
PYTHON
}

# Hostile bytes, found by a fuzzer: a bounded run of each target. A night of one: cargo +nightly fuzz run --fuzz-dir fuzz logs
fuzz() {
  if ! cargo +nightly --version > /dev/null 2>&1; then
    lacks "the fuzz targets" "a nightly toolchain"
    return
  fi
  cargo fuzz --version > /dev/null 2>&1 || cargo install cargo-fuzz --locked --quiet
  for name in requests batches records logs; do
    (cd fuzz && CARGO_TARGET_DIR="$target/fuzz" cargo +nightly fuzz run --fuzz-dir . "$name" -- -runs=200000 -max_len=2000 -max_total_time=30 2>&1 | tail -n 1)
  done
}

benches() {
  if compgen -G "benches/*.rs" > /dev/null; then
    cargo bench -p millpond-benches -- --test
  else
    cargo build -p millpond-benches --all-targets
  fi
}

lacks() {
  echo "skipped: $1 ($2 is missing)"
  [ "${MILLPOND_SKIPS_FAIL:-0}" != 1 ]
}

started=$SECONDS
stage() {
  local from=$SECONDS
  echo "==> $1"
  "$1"
  timings+="$(printf '%6ss  %s' $((SECONDS - from)) "$1")"$'\n'
}

timings=
# Tests close the run: their last line is what a reader looks for.
stages=("$@")
[ $# -gt 0 ] || stages=(lint small fuzz benches matrix interop)
trap 'status=$?; printf "%s%6ss  in all\n" "$timings" $((SECONDS - started)); [ $status = 0 ] || echo "verify.sh: FAILED"; exit $status' EXIT
for name in "${stages[@]}"; do
  case $name in
    lint | small | fuzz | benches | matrix | interop) stage "$name" ;;
    *) echo "verify.sh: no stage is called $name" >&2; exit 2 ;;
  esac
done
