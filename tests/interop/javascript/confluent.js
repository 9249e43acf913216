// confluent-kafka-javascript in the client matrix.
import confluent from '@confluentinc/kafka-javascript'
import { bootstrap, run } from './contract.js'
import { capabilitiesOf } from './like_kafkajs.js'

const { Kafka, logLevel } = confluent.KafkaJS
const kafka = new Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: logLevel.NOTHING } })

const client = {
  producer(options) {
    const producer = kafka.producer({ kafkaJS: { acks: -1, ...options }, 'linger.ms': 5 })
    // Who sends offsets hands over the consumer.
    const sendOffsets = producer.sendOffsets.bind(producer)
    return Object.assign(producer, { sendOffsets: ({ consumer, topics }) => sendOffsets({ consumer, topics }) })
  },
  consumer({ protocol = 'classic', ...options }) {
    return kafka.consumer({ kafkaJS: { fromBeginning: true, ...options }, 'group.protocol': protocol, 'fetch.wait.max.ms': 100 })
  },
  admin: () => kafka.admin(),
  watch: consumer => () => consumer.assignment().map(({ partition }) => partition),
}

await run(capabilitiesOf(client))
