// confluent-kafka-javascript in the client matrix.
import confluent from '@confluentinc/kafka-javascript'
import { bootstrap, run } from './contract.js'
import { capabilitiesOf } from './like_kafkajs.js'

const { Kafka, logLevel } = confluent.KafkaJS
const kafka = new Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: logLevel.NOTHING } })

const client = {
  producer: options => kafka.producer({ kafkaJS: { acks: -1, ...options }, 'linger.ms': 5 }),
  consumer({ protocol = 'classic', ...options }) {
    return kafka.consumer({ kafkaJS: { fromBeginning: true, ...options }, 'group.protocol': protocol, 'fetch.wait.max.ms': 100 })
  },
  admin: () => kafka.admin(),
  watch: consumer => () => consumer.assignment().map(({ partition }) => partition),
}

await run(capabilitiesOf(client))
