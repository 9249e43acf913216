// The JavaScript half of what ../README.md tells.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export const [bootstrap, ...only] = process.argv.slice(2)

/** Shows the capabilities that the command line names, or all of them: each a function, or why the client does not offer it. */
export async function run(capabilities) {
  for (const [name, show] of Object.entries(capabilities)) {
    if (only.length > 0 && !only.includes(name)) continue
    if (typeof show === 'string') {
      console.log(`${name} not offered: ${show}`)
    } else {
      await show()
      console.log(`${name} ok`)
    }
  }
  process.exit()
}

/** Has the broker killed and started again. */
async function restart() {
  console.log('restart please')
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) {
    assert.equal(line, 'restarted')
    return
  }
}

/** Waits for a condition. */
export async function until(what, condition) {
  for (const start = Date.now(); !(await condition()); await sleep(20)) {
    assert(Date.now() - start < 120_000, `not within two minutes: ${what()}`)
  }
}

/** Values that compress well. */
export function valuesOf(prefix, count) {
  return Array.from({ length: count }, (_, number) => `${prefix} ${number}${' flour'.repeat(50)}`)
}

/**
 * Has a second member join a group, the first leave, and nothing be lost. `join(seen)` answers a member with `owns()`, an array of
 * partitions, and `leave()`, and adds to `seen` what it reads; `produce(partition, values)` writes.
 */
export async function rebalance(join, produce) {
  const seen = new Set()
  const sent = []
  const send = async when => {
    for (const partition of [0, 1, 2, 3]) {
      const values = valuesOf(`${when} ${partition}`, 10)
      await produce(partition, values)
      sent.push(...values)
    }
    await until(() => `${sent.length} values, there are ${seen.size}`, () => sent.every(value => seen.has(value)))
  }
  const shared = (...members) => {
    const owned = () => members.map(member => member.owns())
    const all = () => owned().every(partitions => partitions.length > 0) && owned().flat().sort().join() === '0,1,2,3'
    return until(() => `four partitions among ${members.length} members: ${JSON.stringify(owned())}`, all)
  }
  const first = await join(seen)
  await shared(first)
  await send('alone')
  const second = await join(seen)
  await shared(first, second)
  await send('shared')
  await first.leave()
  await shared(second)
  await send('taken over')
  await second.leave()
}

/**
 * Sends and reads while the broker is restarted: what was acknowledged is read in the end. `send(partition, value)` fails when the value
 * was not acknowledged.
 */
export async function liveThroughRestart(send, seen) {
  const acknowledged = []
  let stop = false
  const sending = (async () => {
    for (let number = 0; !stop; number++) {
      await sleep(1)
      const value = `value ${number}`
      await send(number % 2, value).then(() => acknowledged.push(value), () => {})
    }
  })()
  await until(() => `${acknowledged.length} sent and ${seen.size} read`, () => acknowledged.length >= 200 && seen.size > 0)
  await restart()
  const before = acknowledged.length
  await until(() => `${acknowledged.length - before} sent after the restart`, () => acknowledged.length >= before + 200)
  stop = true
  await sending
  await until(() => `${acknowledged.length} acknowledged, ${seen.size} read`, () => acknowledged.every(value => seen.has(value)))
}
