// The capabilities of a client with the interface of KafkaJS.
import assert from 'node:assert/strict'
import { liveThroughRestart, rebalance, until, valuesOf } from './contract.js'

const messages = (partition, values) => values.map(value => ({ key: 'key', value, partition }))

/**
 * `client` has what differs:
 * - `producer(options)` and `consumer(options)` take `{ compression, idempotent, transactionalId }` and
 *   `{ groupId, autoCommit, readUncommitted, protocol }`; consumers begin at the beginning;
 * - `admin()`; `watch(consumer, topic)` answers a function that answers the partitions a consumer owns.
 */
export function capabilitiesOf(client) {
  let groups = 0

  async function produce(topic, values, options = {}) {
    const producer = client.producer(options)
    await producer.connect()
    for (let at = 0; at < values.length; at += 20) {
      await producer.send({ topic, messages: messages(0, values.slice(at, at + 20)) })
    }
    await producer.disconnect()
  }

  /** A consumer that hands on what it reads. */
  async function consume(topic, see, options = {}) {
    const consumer = client.consumer({ groupId: `${topic}-${groups++}`, ...options })
    const owns = client.watch(consumer, topic)
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ eachMessage: async ({ message }) => see(message.value.toString()) })
    return { consumer, owns, leave: () => consumer.disconnect() }
  }

  async function read(topic, count, options) {
    const values = []
    const { leave } = await consume(topic, value => values.push(value), options)
    await until(() => `${count} values of ${topic}, there are ${values.length}`, () => values.length >= count)
    await leave()
    return values
  }

  const codec = name => async () => {
    const values = valuesOf(name, 20)
    await produce(`codec-${name}`, values, { compression: name })
    assert.deepEqual(await read(`codec-${name}`, 20), values)
  }

  async function idempotent() {
    const values = valuesOf('idempotent', 100)
    await produce('idempotent', values, { idempotent: true })
    assert.deepEqual(await read('idempotent', 100), values)
  }

  async function transactions() {
    const producer = client.producer({ idempotent: true, transactionalId: 'javascript' })
    await producer.connect()
    const transact = async (word, end) => {
      const values = valuesOf(word, 10)
      const transaction = await producer.transaction()
      await transaction.send({ topic: 'transactions', messages: messages(0, values) })
      await transaction[end]()
      return values
    }
    const first = await transact('first', 'commit')
    const aborted = await transact('aborted', 'abort')
    const second = await transact('second', 'commit')
    await producer.disconnect()
    assert.deepEqual(await read('transactions', 20), [...first, ...second])
    assert.deepEqual(await read('transactions', 30, { readUncommitted: true }), [...first, ...aborted, ...second])
  }

  async function exactlyOnce() {
    const values = valuesOf('transfer', 10)
    await produce('transfer-in', values)
    const producer = client.producer({ idempotent: true, transactionalId: 'javascript-transfer' })
    await producer.connect()
    const found = []
    const options = { groupId: 'transfer', autoCommit: false }
    const { consumer, leave } = await consume('transfer-in', value => found.push(value), options)
    await until(() => `10 values, there are ${found.length}`, () => found.length >= 10)
    const transact = async (values, offset, end) => {
      const transaction = await producer.transaction()
      await transaction.send({ topic: 'transfer-out', messages: messages(0, values) })
      const topics = [{ topic: 'transfer-in', partitions: [{ partition: 0, offset }] }]
      if (offset) await transaction.sendOffsets({ consumer, consumerGroupId: 'transfer', topics })
      await transaction[end]()
    }
    await transact(found.slice(0, 5), '5', 'commit')
    await transact(found.slice(5), '10', 'abort')
    await transact(['end'], null, 'commit')
    await leave()
    await producer.disconnect()
    assert.deepEqual(await read('transfer-out', 6), [...values.slice(0, 5), 'end'])
    assert.deepEqual(await read('transfer-in', 5, options), values.slice(5))
  }

  const group = (topic, options) => async () => {
    const producer = client.producer({})
    await producer.connect()
    await rebalance(
      seen => consume(topic, value => seen.add(value), { groupId: topic, ...options }),
      (partition, values) => producer.send({ topic, messages: messages(partition, values) })
    )
    await producer.disconnect()
  }

  async function resume() {
    const values = valuesOf('resume', 20)
    await produce('resume', values)
    const found = []
    const first = await consume('resume', value => found.push(value), { groupId: 'resume', autoCommit: false })
    await until(() => `20 values, there are ${found.length}`, () => found.length >= 20)
    assert.deepEqual(found, values)
    await first.consumer.commitOffsets([{ topic: 'resume', partition: 0, offset: '10' }])
    await first.leave()
    assert.deepEqual(await read('resume', 10, { groupId: 'resume', autoCommit: false }), values.slice(10))
  }

  async function seek() {
    const values = valuesOf('seek', 20)
    await produce('seek', values)
    let found = []
    const { consumer, leave } = await consume('seek', value => found.push(value))
    const finds = async expected => {
      await until(() => `${expected.length} values, there are ${found.length}`, () => found.length >= expected.length)
      assert.deepEqual(found, expected)
      found = []
    }
    await finds(values)
    await consumer.seek({ topic: 'seek', partition: 0, offset: '15' })
    await finds(values.slice(15))
    await consumer.seek({ topic: 'seek', partition: 0, offset: '0' })
    await finds(values)
    await leave()
  }

  async function admin() {
    const admin = client.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'admin', numPartitions: 3 }] })
    const isListed = async () => (await admin.listTopics()).includes('admin')
    await until(() => 'the topic is listed', isListed)
    const described = await admin.fetchTopicMetadata({ topics: ['admin'] })
    assert.equal((described.topics ?? described)[0].partitions.length, 3)
    const { groups } = await admin.listGroups()
    assert(groups.some(group => group.groupId === 'group'), JSON.stringify(groups))
    await admin.deleteTopics({ topics: ['admin'] })
    await until(() => 'the topic is listed no more', async () => !(await isListed()))
    await admin.disconnect()
  }

  async function restart() {
    const seen = new Set()
    const { leave } = await consume('restart', value => seen.add(value))
    const producer = client.producer({})
    await producer.connect()
    await liveThroughRestart((partition, value) => producer.send({ topic: 'restart', messages: messages(partition, [value]) }), seen)
    await leave()
    await producer.disconnect()
  }

  return {
    none: codec('none'),
    gzip: codec('gzip'),
    snappy: codec('snappy'),
    lz4: codec('lz4'),
    zstd: codec('zstd'),
    idempotent,
    transactions,
    'exactly-once': exactlyOnce,
    group: group('group'),
    'group-848': group('group-848', { protocol: 'consumer' }),
    share: 'it has no share consumer',
    resume,
    seek,
    admin,
    restart,
  }
}
