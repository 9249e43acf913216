// KafkaJS in the client matrix.
import zstd from '@bokuweb/zstd-wasm'
import kafkajs from 'kafkajs'
import LZ4 from 'kafkajs-lz4'
import snappy from 'kafkajs-snappy'
import { bootstrap, run } from './contract.js'
import { capabilitiesOf } from './like_kafkajs.js'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs
const types = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }
// KafkaJS itself has gzip; others are plugged in.
CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = new LZ4().codec
await zstd.init()
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from(zstd.compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(zstd.decompress(buffer)),
})

const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })

const client = {
  producer({ compression = 'none', ...options }) {
    const producer = kafka.producer({ createPartitioner: () => ({ message }) => message.partition, maxInFlightRequests: 1, ...options })
    const send = producer.send
    // Who sends offsets names the group.
    const transaction = async () => {
      const { sendOffsets, ...rest } = await producer.transaction()
      return { ...rest, sendOffsets: ({ consumerGroupId, topics }) => sendOffsets({ consumerGroupId, topics }) }
    }
    return { ...producer, send: record => send({ compression: types[compression], ...record }), transaction }
  },
  consumer({ autoCommit = true, ...options }) {
    const consumer = kafka.consumer({ maxWaitTimeInMs: 100, ...options })
    return {
      ...consumer,
      subscribe: wanted => consumer.subscribe({ fromBeginning: true, ...wanted }),
      run: options => consumer.run({ autoCommit, ...options }),
    }
  },
  admin: () => kafka.admin(),
  watch(consumer, topic) {
    let owned = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { owned = payload.memberAssignment[topic] ?? [] })
    consumer.on(consumer.events.REBALANCING, () => { owned = [] })
    return () => owned
  },
}

await run({ ...capabilitiesOf(client), 'group-848': 'it has the classic protocol only' })
