// Package contract is the Go half of what ../README.md tells.
package contract

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Capability is shown by a function, or is not offered by the client.
type Capability struct {
	Name string
	Show func()
	// Why the client does not offer it.
	Lacks string
}

// Bootstrap is the broker's address.
var Bootstrap = os.Args[1]

// Run shows the capabilities that the command line names, or all of them.
func Run(all []Capability) {
	for _, capability := range all {
		if only := os.Args[2:]; len(only) > 0 && !slices.Contains(only, capability.Name) {
			continue
		}
		if capability.Show == nil {
			fmt.Println(capability.Name, "not offered:", capability.Lacks)
			continue
		}
		capability.Show()
		fmt.Println(capability.Name, "ok")
	}
}

// Restart has the broker killed and started again.
func Restart() {
	fmt.Println("restart please")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	Must(err)
	Same(line, "restarted\n", "the driver's answer")
}

// Must ends the program with an error.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Got is a value that was to be had without an error.
func Got[T any](value T, err error) T {
	Must(err)
	return value
}

// Same ends the program when what was found is not what was expected.
func Same[T any](found, expected T, what string) {
	if f, e := fmt.Sprint(found), fmt.Sprint(expected); f != e {
		panic(what + ": expected " + e + ", found " + f)
	}
}

// Until waits for a condition.
func Until(what func() string, condition func() bool) {
	for start := time.Now(); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > 2*time.Minute {
			panic("not within two minutes: " + what())
		}
	}
}

// Values are values that compress well.
func Values(prefix string, count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("%s %d%s", prefix, i, strings.Repeat(" flour", 50))
	}
	return values
}

// A Member of a group says what it owns and what it has read.
type Member interface {
	Owns() []int32
	Leave()
}

// A Seen is what the members of a group have read, together.
type Seen struct {
	mutex  sync.Mutex
	values map[string]bool
}

// Add says that a value was read.
func (s *Seen) Add(value string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.values == nil {
		s.values = map[string]bool{}
	}
	s.values[value] = true
}

// HasAll says whether these were read.
func (s *Seen) HasAll(values []string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return !slices.ContainsFunc(values, func(value string) bool { return !s.values[value] })
}

// Count is how many different values were read.
func (s *Seen) Count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.values)
}

// Rebalance has a second member join a group, the first leave, and nothing be lost. `produce` writes to a partition.
func Rebalance(join func(*Seen) Member, produce func(partition int32, values []string)) {
	const partitions = 4
	var seen Seen
	var sent []string
	send := func(when string) {
		for partition := range int32(partitions) {
			values := Values(fmt.Sprint(when, partition), 10)
			produce(partition, values)
			sent = append(sent, values...)
		}
		Until(func() string { return fmt.Sprintf("%d values, there are %d", len(sent), seen.Count()) }, func() bool { return seen.HasAll(sent) })
	}
	shared := func(members ...Member) {
		owned := func() (all [][]int32) {
			for _, member := range members {
				all = append(all, member.Owns())
			}
			return all
		}
		Until(func() string { return fmt.Sprintf("four partitions among %d members: %v", len(members), owned()) }, func() bool {
			var union []int32
			for _, owns := range owned() {
				if len(owns) == 0 {
					return false
				}
				union = append(union, owns...)
			}
			slices.Sort(union)
			return slices.Equal(union, []int32{0, 1, 2, 3})
		})
	}
	first := join(&seen)
	shared(first)
	send("alone ")
	second := join(&seen)
	shared(first, second)
	send("shared ")
	first.Leave()
	shared(second)
	send("taken over ")
	second.Leave()
}

// LiveThroughRestart sends and reads while the broker is restarted: what was acknowledged is read in the end.
// `send` answers whether the value was acknowledged, and may be asked to send it again.
func LiveThroughRestart(send func(value string) bool, seen *Seen) {
	const before, after = 200, 200
	var mutex sync.Mutex
	var acknowledged []string
	count := func() int {
		mutex.Lock()
		defer mutex.Unlock()
		return len(acknowledged)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if value := fmt.Sprint("value ", i); send(value) {
				mutex.Lock()
				acknowledged = append(acknowledged, value)
				mutex.Unlock()
			}
		}
	}()
	Until(func() string {
		return fmt.Sprint("records before the restart: ", count(), " sent, ", seen.Count(), " read")
	},
		func() bool { return count() >= before && seen.Count() > 0 })
	Restart()
	restarted := count()
	Until(func() string { return fmt.Sprint("records after the restart: ", count()-restarted) },
		func() bool { return count() >= restarted+after })
	close(stop)
	<-stopped
	Until(func() string { return fmt.Sprint(count(), " acknowledged records, ", seen.Count(), " were read") },
		func() bool { return seen.HasAll(acknowledged) })
}
