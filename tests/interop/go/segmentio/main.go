// kafka-go in the client matrix.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	. "millpond/interop/contract"
)

var (
	ctx     = context.Background()
	brokers = []string{Bootstrap}
)

// to writes to one partition.
type to int

func (partition to) Balance(kafka.Message, ...int) int { return int(partition) }

// reader configures a reader that answers soon when it is closed.
func reader(topic string, change func(*kafka.ReaderConfig)) *kafka.Reader {
	config := kafka.ReaderConfig{Brokers: brokers, Topic: topic, MaxWait: 100 * time.Millisecond}
	if change != nil {
		change(&config)
	}
	return kafka.NewReader(config)
}

func writer(topic string, partition int32) *kafka.Writer {
	return &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: topic, Balancer: to(partition), RequiredAcks: kafka.RequireAll, BatchTimeout: 1}
}

func messages(values []string) (messages []kafka.Message) {
	for _, value := range values {
		messages = append(messages, kafka.Message{Key: []byte("key"), Value: []byte(value)})
	}
	return messages
}

func produce(topic string, partition int32, values []string) {
	writer := writer(topic, partition)
	defer writer.Close()
	Must(writer.WriteMessages(ctx, messages(values)...))
}

// take reads so many values.
func take(reader *kafka.Reader, count int) (values []string) {
	for len(values) < count {
		values = append(values, string(Got(reader.FetchMessage(ctx)).Value))
	}
	return values
}

func codec(name string, codec kafka.Compression) Capability {
	return Capability{Name: name, Show: func() {
		values := Values(name, 20)
		writer := writer("codec-"+name, 0)
		writer.Compression = codec
		defer writer.Close()
		Must(writer.WriteMessages(ctx, messages(values)...))
		read := reader("codec-"+name, nil)
		defer read.Close()
		Same(take(read, len(values)), values, "values")
	}}
}

// member of a group, which takes part in one generation after the other.
type member struct {
	group *kafka.ConsumerGroup
	done  chan struct{}
	mutex sync.Mutex
	owns  []int32
}

func join(topic string, seen *Seen) *member {
	group := Got(kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: topic, Brokers: brokers, Topics: []string{topic}}))
	m := &member{group: group, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			generation, err := group.Next(ctx)
			if errors.Is(err, kafka.ErrGroupClosed) {
				return
			}
			if err != nil {
				continue
			}
			var owns []int32
			for _, assigned := range generation.Assignments[topic] {
				owns = append(owns, int32(assigned.ID))
				generation.Start(func(ctx context.Context) { follow(ctx, generation, topic, assigned, seen) })
			}
			m.own(owns)
			generation.Start(func(ctx context.Context) {
				<-ctx.Done()
				m.own(nil)
			})
		}
	}()
	return m
}

// follow reads a partition from where the group is, until the generation ends.
func follow(ctx context.Context, generation *kafka.Generation, topic string, from kafka.PartitionAssignment, seen *Seen) {
	read := reader(topic, func(config *kafka.ReaderConfig) { config.Partition = from.ID })
	defer read.Close()
	Must(read.SetOffset(from.Offset))
	for {
		message, err := read.ReadMessage(ctx)
		if ctx.Err() != nil || errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			continue
		}
		seen.Add(string(message.Value))
		_ = generation.CommitOffsets(map[string]map[int]int64{topic: {from.ID: message.Offset + 1}})
	}
}

func (m *member) own(partitions []int32) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.owns = partitions
}

func (m *member) Owns() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.owns
}

func (m *member) Leave() {
	Must(m.group.Close())
	<-m.done
}

func group() {
	Rebalance(func(seen *Seen) Member { return join("group", seen) }, func(partition int32, values []string) {
		produce("group", partition, values)
	})
}

func resume() {
	values := Values("resume", 20)
	produce("resume", 0, values)
	member := func(config *kafka.ReaderConfig) { config.GroupID = "resume" }
	first := reader("resume", member)
	Same(take(first, 10), values[:10], "the first reader's")
	Must(first.CommitMessages(ctx, kafka.Message{Topic: "resume", Partition: 0, Offset: 9}))
	Same(take(first, 10), values[10:], "the first reader's others")
	Must(first.Close())
	second := reader("resume", member)
	defer second.Close()
	Same(take(second, 10), values[10:], "the second reader's")
}

func seek() {
	values := Values("seek", 20)
	produce("seek", 0, values)
	read := reader("seek", nil)
	defer read.Close()
	Same(take(read, 20), values, "from the start")
	Must(read.SetOffset(15))
	Same(take(read, 5), values[15:], "from offset 15")
	Must(read.SetOffset(0))
	Same(take(read, 20), values, "from the start again")
}

func admin() {
	// It answers with what it knows of the cluster, which it asks for now and then.
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Transport: &kafka.Transport{MetadataTTL: 100 * time.Millisecond}}
	created := Got(client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: "admin", NumPartitions: 3, ReplicationFactor: 1}}}))
	Must(created.Errors["admin"])
	Until(func() string { return "the topic has three partitions" }, func() bool {
		return len(Got(client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{"admin"}})).Topics[0].Partitions) == 3
	})
	groups := Got(client.ListGroups(ctx, &kafka.ListGroupsRequest{})).Groups
	isGroup := func(group kafka.ListGroupsResponseGroup) bool { return group.GroupID == "group" }
	Same(slices.ContainsFunc(groups, isGroup), true, fmt.Sprint("the group is listed among ", groups))
	deleted := Got(client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"admin"}}))
	Must(deleted.Errors["admin"])
	isTopic := func(topic kafka.Topic) bool { return topic.Name == "admin" }
	Until(func() string { return "the topic is listed no more" }, func() bool {
		return !slices.ContainsFunc(Got(client.Metadata(ctx, &kafka.MetadataRequest{})).Topics, isTopic)
	})
}

func restart() {
	var seen Seen
	consumer := join("restart", &seen)
	defer consumer.Leave()
	writers := []*kafka.Writer{writer("restart", 0), writer("restart", 1)}
	defer writers[0].Close()
	defer writers[1].Close()
	LiveThroughRestart(func(value string) bool {
		return writers[len(value)%2].WriteMessages(ctx, kafka.Message{Value: []byte(value)}) == nil
	}, &seen)
}

func main() {
	Run([]Capability{
		codec("none", 0),
		codec("gzip", kafka.Gzip),
		codec("snappy", kafka.Snappy),
		codec("lz4", kafka.Lz4),
		codec("zstd", kafka.Zstd),
		{Name: "idempotent", Lacks: "its writer does not number batches"},
		{Name: "transactions", Lacks: "its writer does not number batches"},
		{Name: "exactly-once", Lacks: "its writer does not number batches"},
		{Name: "group", Show: group},
		{Name: "group-848", Lacks: "it has the classic protocol only"},
		{Name: "share", Lacks: "it has no share consumer"},
		{Name: "resume", Show: resume},
		{Name: "seek", Show: seek},
		{Name: "admin", Show: admin},
		{Name: "restart", Show: restart},
	})
}
