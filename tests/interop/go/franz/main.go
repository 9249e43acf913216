// franz-go in the client matrix.
package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	. "millpond/interop/contract"
)

var ctx = context.Background()

func client(options ...kgo.Opt) *kgo.Client {
	return Got(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...))
}

func records(topic string, partition int32, values []string) (records []*kgo.Record) {
	for _, value := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Key: []byte("key"), Value: []byte(value)})
	}
	return records
}

func produce(topic string, values []string, options ...kgo.Opt) {
	producer := client(options...)
	defer producer.Close()
	Must(producer.ProduceSync(ctx, records(topic, 0, values)...).FirstErr())
}

// take reads so many values.
func take(consumer *kgo.Client, count int) (values []string) {
	for len(values) < count {
		fetches := consumer.PollFetches(ctx)
		Must(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
	}
	return values
}

// read reads so many values of a topic from an offset on.
func read(topic string, from kgo.Offset, count int, options ...kgo.Opt) []string {
	from0 := kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: from}})
	consumer := client(append(options, from0)...)
	defer consumer.Close()
	return take(consumer, count)
}

func codec(name string, codec kgo.CompressionCodec) Capability {
	return Capability{Name: name, Show: func() {
		values := Values(name, 20)
		produce("codec-"+name, values, kgo.ProducerBatchCompression(codec))
		Same(read("codec-"+name, kgo.NewOffset().AtStart(), len(values)), values, "values")
	}}
}

func idempotent() {
	values := Values("idempotent", 100)
	produce("idempotent", values, kgo.MaxBufferedRecords(10))
	Same(read("idempotent", kgo.NewOffset().AtStart(), len(values)), values, "values")
}

func transactions() {
	producer := client(kgo.TransactionalID("franz-go"))
	defer producer.Close()
	transaction := func(word string, end kgo.TransactionEndTry) []string {
		values := Values(word, 10)
		Must(producer.BeginTransaction())
		Must(producer.ProduceSync(ctx, records("transactions", 0, values)...).FirstErr())
		Must(producer.EndTransaction(ctx, end))
		return values
	}
	first := transaction("first", kgo.TryCommit)
	aborted := transaction("aborted", kgo.TryAbort)
	second := transaction("second", kgo.TryCommit)
	committed := append(slices.Clone(first), second...)
	start := kgo.NewOffset().AtStart()
	Same(read("transactions", start, 20, kgo.FetchIsolationLevel(kgo.ReadCommitted())), committed, "committed values")
	Same(read("transactions", start, 30), slices.Concat(first, aborted, second), "all values")
}

func exactlyOnce() {
	values := Values("transfer", 10)
	produce("transfer-in", values)
	session := Got(kgo.NewGroupTransactSession(kgo.SeedBrokers(Bootstrap), kgo.TransactionalID("franz-go-transfer"),
		kgo.ConsumerGroup("transfer"), kgo.ConsumeTopics("transfer-in"), kgo.RecordPartitioner(kgo.ManualPartitioner())))
	transaction := func(end kgo.TransactionEndTry, values func() []string) {
		Must(session.Begin())
		Must(session.ProduceSync(ctx, records("transfer-out", 0, values())...).FirstErr())
		Same(Got(session.End(ctx, end)), bool(end), "whether it is committed")
	}
	five := func() (values []string) {
		for len(values) < 5 {
			fetches := session.PollRecords(ctx, 5-len(values))
			Must(fetches.Err())
			fetches.EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
		}
		return values
	}
	transaction(kgo.TryCommit, five)
	transaction(kgo.TryAbort, five)
	transaction(kgo.TryCommit, func() []string { return []string{"end"} })
	session.Close()
	found := read("transfer-out", kgo.NewOffset().AtStart(), 6, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	Same(found, append(slices.Clone(values[:5]), "end"), "committed values")
	successor := client(kgo.ConsumerGroup("transfer"), kgo.ConsumeTopics("transfer-in"))
	defer successor.Close()
	Same(take(successor, 5), values[5:], "the successor's")
}

// member of a group, which polls by itself.
type member struct {
	client *kgo.Client
	mutex  sync.Mutex
	owns   map[int32]bool
	done   chan struct{}
}

func join(topic string, seen *Seen, options ...kgo.Opt) *member {
	m := &member{owns: map[int32]bool{}, done: make(chan struct{})}
	change := func(owned bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, partition := range partitions[topic] {
				if m.owns[partition] = owned; !owned {
					delete(m.owns, partition)
				}
			}
		}
	}
	m.client = client(append(options, kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))...)
	go func() {
		defer close(m.done)
		for {
			fetches := m.client.PollFetches(ctx)
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(func(record *kgo.Record) { seen.Add(string(record.Value)) })
		}
	}()
	return m
}

func (m *member) Owns() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Collect(maps.Keys(m.owns))
}

func (m *member) Leave() {
	m.client.Close()
	<-m.done
}

func group(topic string, options ...kgo.Opt) func() {
	return func() {
		producer := client()
		defer producer.Close()
		Rebalance(func(seen *Seen) Member { return join(topic, seen, options...) }, func(partition int32, values []string) {
			Must(producer.ProduceSync(ctx, records(topic, partition, values)...).FirstErr())
		})
	}
}

// shareConsumer is a member of the share group `share`.
func shareConsumer() *kgo.Client {
	// Strict: it fetches when it is polled, and not ahead of that.
	return client(kgo.ShareGroup("share"), kgo.ConsumeTopics("share"), kgo.ShareMaxRecords(100), kgo.ShareMaxRecordsStrict())
}

// acquire polls until there are records: these values, delivered for that time.
func acquire(consumer *kgo.Client, values []string, times int32) []*kgo.Record {
	var records []*kgo.Record
	for len(records) == 0 {
		fetches := consumer.PollFetches(ctx)
		Must(fetches.Err())
		records = append(records, fetches.Records()...)
	}
	var found []string
	for _, record := range records {
		found = append(found, string(record.Value))
		Same(record.DeliveryCount(), times, "delivered")
	}
	Same(found, values, "shared values")
	return records
}

func share() {
	admin := client()
	defer admin.Close()
	earliest := "earliest"
	begin := kmsg.NewPtrIncrementalAlterConfigsRequest()
	begin.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: kmsg.ConfigResourceTypeGroupConfig,
		ResourceName: "share",
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{
			Name: "share.auto.offset.reset", Op: kmsg.IncrementalAlterConfigOpSet, Value: &earliest,
		}},
	}}
	Same(Got(begin.RequestWith(ctx, admin)).Resources[0].ErrorCode, 0, "the code of the setting")
	early, late := Values("early", 20), Values("late", 10)
	produce("share", early)
	first, second := shareConsumer(), shareConsumer()
	defer second.Close()
	held := acquire(first, early, 1)
	produce("share", late)
	second.MarkAcks(kgo.AckAccept, acquire(second, late, 1)...)
	Must(second.FlushAcks(ctx))
	first.MarkAcks(kgo.AckAccept, held[:10]...)
	first.MarkAcks(kgo.AckReject, held[10])
	first.MarkAcks(kgo.AckRelease, held[11:]...)
	Must(first.FlushAcks(ctx))
	first.Close()
	second.MarkAcks(kgo.AckAccept, acquire(second, early[11:], 2)...)
	Must(second.FlushAcks(ctx))
	produce("share", []string{"end"})
	acquire(second, []string{"end"}, 1)
}

func resume() {
	values := Values("resume", 20)
	produce("resume", values)
	consumer := client(kgo.ConsumerGroup("resume"), kgo.ConsumeTopics("resume"), kgo.DisableAutoCommit())
	Same(take(consumer, 20), values, "the first reader's")
	consumer.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{"resume": {0: {Epoch: -1, Offset: 10}}},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, _ *kmsg.OffsetCommitResponse, err error) { Must(err) })
	consumer.Close()
	consumer = client(kgo.ConsumerGroup("resume"), kgo.ConsumeTopics("resume"), kgo.DisableAutoCommit())
	defer consumer.Close()
	Same(take(consumer, 10), values[10:], "the second reader's")
}

func seek() {
	values := Values("seek", 20)
	produce("seek", values)
	consumer := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"seek": {0: kgo.NewOffset().AtStart()}}))
	defer consumer.Close()
	Same(take(consumer, 20), values, "from the start")
	consumer.SetOffsets(map[string]map[int32]kgo.EpochOffset{"seek": {0: {Epoch: -1, Offset: 15}}})
	Same(take(consumer, 5), values[15:], "from offset 15")
	consumer.SetOffsets(map[string]map[int32]kgo.EpochOffset{"seek": {0: {Epoch: -1, Offset: 0}}})
	Same(take(consumer, 20), values, "from the start again")
}

func admin() {
	admin := kadm.NewClient(client())
	defer admin.Close()
	Must(Got(admin.CreateTopics(ctx, 3, 1, nil, "admin")).Error())
	Until(func() string { return "the topic has three partitions" }, func() bool {
		return len(Got(admin.ListTopics(ctx, "admin"))["admin"].Partitions) == 3
	})
	groups := Got(admin.ListGroups(ctx)).Groups()
	Same(slices.Contains(groups, "group"), true, fmt.Sprint("the group is listed among ", groups))
	Must(Got(admin.DeleteTopics(ctx, "admin")).Error())
	Until(func() string { return "the topic is listed no more" }, func() bool { return !Got(admin.ListTopics(ctx)).Has("admin") })
}

func restart() {
	var seen Seen
	consumer := join("restart", &seen)
	defer consumer.Leave()
	producer := client()
	defer producer.Close()
	LiveThroughRestart(func(value string) bool {
		return producer.ProduceSync(ctx, records("restart", int32(len(value)%2), []string{value})...).FirstErr() == nil
	}, &seen)
}

func main() {
	Run([]Capability{
		codec("none", kgo.NoCompression()),
		codec("gzip", kgo.GzipCompression()),
		codec("snappy", kgo.SnappyCompression()),
		codec("lz4", kgo.Lz4Compression()),
		codec("zstd", kgo.ZstdCompression()),
		{Name: "idempotent", Show: idempotent},
		{Name: "transactions", Show: transactions},
		{Name: "exactly-once", Show: exactlyOnce},
		{Name: "group", Show: group("group")},
		{Name: "group-848", Show: group("group-848", kgo.ServerSideBalancer())},
		{Name: "share", Show: share},
		{Name: "resume", Show: resume},
		{Name: "seek", Show: seek},
		{Name: "admin", Show: admin},
		{Name: "restart", Show: restart},
	})
}
