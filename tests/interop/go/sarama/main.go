// Sarama in the client matrix.
package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	. "millpond/interop/contract"
)

var brokers = []string{Bootstrap}

func configured(change func(*sarama.Config)) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if change != nil {
		change(config)
	}
	return config
}

func messages(topic string, partition int32, values []string) (messages []*sarama.ProducerMessage) {
	for _, value := range values {
		messages = append(messages, &sarama.ProducerMessage{
			Topic: topic, Partition: partition, Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder(value)})
	}
	return messages
}

func produce(topic string, values []string, change func(*sarama.Config)) {
	producer := Got(sarama.NewSyncProducer(brokers, configured(change)))
	defer producer.Close()
	Must(producer.SendMessages(messages(topic, 0, values)))
}

// read reads so many values of a topic from an offset on.
func read(topic string, from int64, count int, change func(*sarama.Config)) (values []string) {
	consumer := Got(sarama.NewConsumer(brokers, configured(change)))
	defer consumer.Close()
	partition := Got(consumer.ConsumePartition(topic, 0, from))
	defer partition.Close()
	for len(values) < count {
		values = append(values, string((<-partition.Messages()).Value))
	}
	return values
}

func codec(name string, codec sarama.CompressionCodec) Capability {
	return Capability{Name: name, Show: func() {
		values := Values(name, 20)
		produce("codec-"+name, values, func(config *sarama.Config) { config.Producer.Compression = codec })
		Same(read("codec-"+name, sarama.OffsetOldest, len(values), nil), values, "values")
	}}
}

func numbered(config *sarama.Config) {
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
}

func idempotent() {
	values := Values("idempotent", 100)
	produce("idempotent", values, func(config *sarama.Config) {
		numbered(config)
		config.Producer.Flush.MaxMessages = 10
	})
	Same(read("idempotent", sarama.OffsetOldest, len(values), nil), values, "values")
}

func transactions() {
	producer := Got(sarama.NewSyncProducer(brokers, configured(func(config *sarama.Config) {
		numbered(config)
		config.Producer.Transaction.ID = "sarama"
	})))
	defer producer.Close()
	transaction := func(word string, end func() error) []string {
		values := Values(word, 10)
		Must(producer.BeginTxn())
		Must(producer.SendMessages(messages("transactions", 0, values)))
		Must(end())
		return values
	}
	first := transaction("first", producer.CommitTxn)
	aborted := transaction("aborted", producer.AbortTxn)
	second := transaction("second", producer.CommitTxn)
	committed := append(slices.Clone(first), second...)
	only := func(config *sarama.Config) { config.Consumer.IsolationLevel = sarama.ReadCommitted }
	Same(read("transactions", sarama.OffsetOldest, 20, only), committed, "committed values")
	Same(read("transactions", sarama.OffsetOldest, 30, nil), slices.Concat(first, aborted, second), "all values")
}

func exactlyOnce() {
	values := Values("transfer", 10)
	produce("transfer-in", values, nil)
	producer := Got(sarama.NewSyncProducer(brokers, configured(func(config *sarama.Config) {
		numbered(config)
		config.Producer.Transaction.ID = "sarama-transfer"
	})))
	defer producer.Close()
	transaction := func(values []string, offset int64, end func() error) {
		Must(producer.BeginTxn())
		Must(producer.SendMessages(messages("transfer-out", 0, values)))
		if offset > 0 {
			offsets := map[string][]*sarama.PartitionOffsetMetadata{"transfer-in": {{Partition: 0, Offset: offset}}}
			Must(producer.AddOffsetsToTxn(offsets, "transfer"))
		}
		Must(end())
	}
	members := takeAsMember("transfer", "transfer-in", 10, -1)
	transaction(members[:5], 5, producer.CommitTxn)
	transaction(members[5:], 10, producer.AbortTxn)
	transaction([]string{"end"}, 0, producer.CommitTxn)
	only := func(config *sarama.Config) { config.Consumer.IsolationLevel = sarama.ReadCommitted }
	Same(read("transfer-out", sarama.OffsetOldest, 6, only), append(slices.Clone(values[:5]), "end"), "committed values")
	Same(takeAsMember("transfer", "transfer-in", 5, -1), values[5:], "the successor's")
}

// member of a group, which takes part in one session after the other.
type member struct {
	group sarama.ConsumerGroup
	read  func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage)
	stop  context.CancelFunc
	done  chan struct{}
	mutex sync.Mutex
	owns  []int32
}

func join(groupID, topic string, read func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage), change func(*sarama.Config)) *member {
	ctx, stop := context.WithCancel(context.Background())
	m := &member{Got(sarama.NewConsumerGroup(brokers, groupID, configured(change))), read, stop, make(chan struct{}), sync.Mutex{}, nil}
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			// While the broker is away a session cannot be had.
			_ = m.group.Consume(ctx, []string{topic}, m)
		}
	}()
	return m
}

func (m *member) own(partitions []int32) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.owns = partitions
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	for _, partitions := range session.Claims() {
		m.own(partitions)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.own(nil)
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.read(session, message)
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) Owns() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.owns
}

func (m *member) Leave() {
	m.stop()
	<-m.done
	Must(m.group.Close())
}

// into remembers and marks what is read.
func into(seen *Seen) func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage) {
	return func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
		seen.Add(string(message.Value))
		session.MarkMessage(message, "")
	}
}

func group() {
	producer := Got(sarama.NewSyncProducer(brokers, configured(nil)))
	defer producer.Close()
	Rebalance(func(seen *Seen) Member { return join("group", "group", into(seen), nil) }, func(partition int32, values []string) {
		Must(producer.SendMessages(messages("group", partition, values)))
	})
}

func resume() {
	values := Values("resume", 20)
	produce("resume", values, nil)
	Same(takeAsMember("resume", "resume", 20, 10), values, "the first reader's")
	Same(takeAsMember("resume", "resume", 10, -1), values[10:], "the second reader's")
}

// takeAsMember reads so many values as a member of a group and commits the offset, if there is one.
func takeAsMember(groupID, topic string, count int, commit int64) (values []string) {
	read := make(chan string)
	m := join(groupID, topic, func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
		if message.Offset == commit {
			session.MarkOffset(message.Topic, message.Partition, commit, "")
			session.Commit()
		}
		select {
		case read <- string(message.Value):
		case <-session.Context().Done():
		}
	}, func(config *sarama.Config) { config.Consumer.Offsets.AutoCommit.Enable = false })
	for len(values) < count {
		values = append(values, <-read)
	}
	m.Leave()
	return values
}

func seek() {
	values := Values("seek", 20)
	produce("seek", values, nil)
	Same(read("seek", sarama.OffsetOldest, 20, nil), values, "from the start")
	Same(read("seek", 15, 5, nil), values[15:], "from offset 15")
	Same(read("seek", 0, 20, nil), values, "from the start again")
}

func admin() {
	admin := Got(sarama.NewClusterAdmin(brokers, configured(nil)))
	defer admin.Close()
	Must(admin.CreateTopic("admin", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	Until(func() string { return "the topic has three partitions" }, func() bool {
		return len(Got(admin.DescribeTopics([]string{"admin"}))[0].Partitions) == 3
	})
	groups := Got(admin.ListConsumerGroups())
	_, listed := groups["group"]
	Same(listed, true, fmt.Sprint("the group is listed among ", groups))
	Must(admin.DeleteTopic("admin"))
	Until(func() string { return "the topic is listed no more" }, func() bool {
		_, listed := Got(admin.ListTopics())["admin"]
		return !listed
	})
}

func restart() {
	var seen Seen
	consumer := join("restart", "restart", into(&seen), nil)
	defer consumer.Leave()
	producer := Got(sarama.NewSyncProducer(brokers, configured(nil)))
	defer producer.Close()
	LiveThroughRestart(func(value string) bool {
		return producer.SendMessages(messages("restart", int32(len(value)%2), []string{value})) == nil
	}, &seen)
}

func main() {
	Run([]Capability{
		codec("none", sarama.CompressionNone),
		codec("gzip", sarama.CompressionGZIP),
		codec("snappy", sarama.CompressionSnappy),
		codec("lz4", sarama.CompressionLZ4),
		codec("zstd", sarama.CompressionZSTD),
		{Name: "idempotent", Show: idempotent},
		{Name: "transactions", Show: transactions},
		{Name: "exactly-once", Show: exactlyOnce},
		{Name: "group", Show: group},
		{Name: "group-848", Lacks: "it has the classic protocol only"},
		{Name: "share", Lacks: "it has no share consumer"},
		{Name: "resume", Show: resume},
		{Name: "seek", Show: seek},
		{Name: "admin", Show: admin},
		{Name: "restart", Show: restart},
	})
}
