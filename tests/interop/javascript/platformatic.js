// @platformatic/kafka in the client matrix.
import assert from 'node:assert/strict'
import { Admin, Consumer, GroupProtocols, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { bootstrap, liveThroughRestart, rebalance, run, until, valuesOf } from './contract.js'

// It tries again for as long as a broker is away.
const common = { clientId: 'matrix', bootstrapBrokers: [bootstrap], retries: true, retryDelay: 200 }
const classic = { sessionTimeout: 10_000, heartbeatInterval: 300 }
let groups = 0

const messages = (topic, partition, values) => values.map(value => ({ topic, partition, key: 'key', value }))
const producerOf = options => new Producer({ ...common, serializers: stringSerializers, acks: -1, ...options })

async function produce(topic, values, options) {
  const producer = producerOf(options)
  for (let at = 0; at < values.length; at += 20) {
    await producer.send({ messages: messages(topic, 0, values.slice(at, at + 20)) })
  }
  await producer.close()
}

/** A consumer that hands on what it reads. */
async function consume(topic, see, { group = classic, groupId = `${topic}-${groups++}`, ...options } = {}) {
  const consumer = new Consumer({ ...common, groupId, deserializers: stringDeserializers, maxWaitTime: 100, ...group })
  const start = { mode: 'committed', fallbackMode: 'earliest', autocommit: 100 }
  const stream = await consumer.consume({ topics: [topic], ...start, ...options })
  stream.on('data', message => see(message.value, message))
  return { consumer, owns: () => (consumer.assignments ?? []).flatMap(({ partitions }) => partitions), leave: () => consumer.close(true) }
}

async function read(topic, count, options) {
  const values = []
  const { leave } = await consume(topic, value => values.push(value), options)
  await until(() => `${count} values of ${topic}, there are ${values.length}`, () => values.length >= count)
  await leave()
  return values
}

const codec = compression => async () => {
  const values = valuesOf(compression, 20)
  await produce(`codec-${compression}`, values, { compression })
  assert.deepEqual(await read(`codec-${compression}`, 20), values)
}

async function idempotent() {
  const values = valuesOf('idempotent', 100)
  await produce('idempotent', values, { idempotent: true })
  assert.deepEqual(await read('idempotent', 100), values)
}

async function transactions() {
  const producer = producerOf({ idempotent: true, transactionalId: 'platformatic' })
  const transact = async (word, end) => {
    const values = valuesOf(word, 10)
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: messages('transactions', 0, values) })
    await transaction[end]()
    return values
  }
  const first = await transact('first', 'commit')
  const aborted = await transact('aborted', 'abort')
  const second = await transact('second', 'commit')
  await producer.close()
  assert.deepEqual(await read('transactions', 20, { isolationLevel: 1 }), [...first, ...second])
  assert.deepEqual(await read('transactions', 30, { isolationLevel: 0 }), [...first, ...aborted, ...second])
}

async function exactlyOnce() {
  const values = valuesOf('transfer', 10)
  await produce('transfer-in', values)
  const producer = producerOf({ idempotent: true, transactionalId: 'platformatic-transfer' })
  const found = []
  const options = { groupId: 'transfer', autocommit: false }
  const { consumer, leave } = await consume('transfer-in', (_, message) => found.push(message), options)
  await until(() => `10 values, there are ${found.length}`, () => found.length >= 10)
  const transact = async (values, last, end) => {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: messages('transfer-out', 0, values) })
    if (last) {
      await transaction.addConsumer(consumer)
      await transaction.addOffset(last)
    }
    await transaction[end]()
  }
  const valuesFound = found.map(message => message.value)
  await transact(valuesFound.slice(0, 5), found[4], 'commit')
  await transact(valuesFound.slice(5), found[9], 'abort')
  await transact(['end'], null, 'commit')
  await leave()
  await producer.close()
  assert.deepEqual(await read('transfer-out', 6, { isolationLevel: 1 }), [...values.slice(0, 5), 'end'])
  assert.deepEqual(await read('transfer-in', 5, options), values.slice(5))
}

const group = (topic, group) => async () => {
  const producer = producerOf()
  await rebalance(
    seen => consume(topic, value => seen.add(value), { group, groupId: topic }),
    (partition, values) => producer.send({ messages: messages(topic, partition, values) })
  )
  await producer.close()
}

async function resume() {
  const values = valuesOf('resume', 20)
  await produce('resume', values)
  const found = []
  const options = { groupId: 'resume', autocommit: false }
  const first = await consume('resume', value => found.push(value), options)
  await until(() => `20 values, there are ${found.length}`, () => found.length >= 20)
  assert.deepEqual(found, values)
  await first.consumer.commit({ offsets: [{ topic: 'resume', partition: 0, offset: 10n, leaderEpoch: 0 }] })
  await first.leave()
  assert.deepEqual(await read('resume', 10, options), values.slice(10))
}

async function seek() {
  const values = valuesOf('seek', 20)
  await produce('seek', values)
  const from = offset => ({ mode: 'manual', offsets: [{ topic: 'seek', partition: 0, offset }] })
  assert.deepEqual(await read('seek', 20, from(0n)), values)
  assert.deepEqual(await read('seek', 5, from(15n)), values.slice(15))
}

async function admin() {
  const admin = new Admin(common)
  await admin.createTopics({ topics: ['admin'], partitions: 3, replicas: 1 })
  const isListed = async () => (await admin.listTopics()).includes('admin')
  await until(() => 'the topic is listed', isListed)
  const described = await admin.metadata({ topics: ['admin'] })
  assert.equal(described.topics.get('admin').partitionsCount, 3)
  const listed = await admin.listGroups()
  assert(listed.has('group'), [...listed.keys()].join())
  await admin.deleteTopics({ topics: ['admin'] })
  await until(() => 'the topic is listed no more', async () => !(await isListed()))
  await admin.close()
}

async function restart() {
  const seen = new Set()
  const { leave } = await consume('restart', value => seen.add(value))
  const producer = producerOf()
  await liveThroughRestart((partition, value) => producer.send({ messages: messages('restart', partition, [value]) }), seen)
  await leave()
  await producer.close()
}

await run({
  none: codec('none'),
  gzip: codec('gzip'),
  snappy: codec('snappy'),
  lz4: codec('lz4'),
  zstd: codec('zstd'),
  idempotent,
  transactions,
  'exactly-once': exactlyOnce,
  group: group('group', classic),
  'group-848': group('group-848', { groupProtocol: GroupProtocols.CONSUMER }),
  share: 'it has no share consumer',
  resume,
  seek,
  admin,
  restart,
})
