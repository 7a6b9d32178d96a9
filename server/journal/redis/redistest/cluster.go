package redistest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slots is how many a Cluster has.
const slots = 16384

// StartCluster starts a Redis Cluster of so many masters without replicas, each with its share of the slots, and returns when all of them say that it is whole.
func StartCluster(t testing.TB, n int) []*Server {
	t.Helper()
	var nodes []*Server
	for i := range n {
		bus := strconv.Itoa(freePort(t)) // else it would be the port and 10,000, which there may not be
		s := Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", bus)
		nodes = append(nodes, s)
		s.ok("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		s.ok("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/n), strconv.Itoa((i+1)*slots/n-1))
		if i > 0 {
			host, port, _ := net.SplitHostPort(nodes[0].Addr())
			s.ok("CLUSTER", "MEET", host, port, nodes[0].args[len(nodes[0].args)-1])
		}
	}
	for _, s := range nodes {
		for began := time.Now(); ; <-time.After(20 * time.Millisecond) { // nobody tells when
			info := s.Do("CLUSTER", "INFO")
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", n)) && strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", slots)) {
				break
			}
			if time.Since(began) > time.Minute {
				t.Fatalf("the Cluster does not come about:\n%s", info)
			}
		}
	}
	return nodes
}

// ok sends a command and wants it done.
func (s *Server) ok(args ...string) {
	s.t.Helper()
	if got := s.Do(args...); got != "OK" {
		s.t.Fatalf("redis-server: %s: %s", strings.Join(args, " "), got)
	}
}

// MoveSlot moves the slot of a key from one master to another, with all that is in it, as an operator's tools do.
func MoveSlot(t testing.TB, key string, from, to *Server) {
	t.Helper()
	slot := from.Do("CLUSTER", "KEYSLOT", key)
	host, port, _ := net.SplitHostPort(to.Addr())
	target, source := to.Do("CLUSTER", "MYID"), from.Do("CLUSTER", "MYID")
	to.ok("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	from.ok("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	for {
		keys := strings.Fields(from.Do("CLUSTER", "GETKEYSINSLOT", slot, "100"))
		if len(keys) == 0 {
			break
		}
		for _, key := range keys { // one by one, so that for a while some are here and some there
			from.ok("MIGRATE", host, port, key, "0", "5000")
		}
	}
	to.ok("CLUSTER", "SETSLOT", slot, "NODE", target)
	from.ok("CLUSTER", "SETSLOT", slot, "NODE", target)
}
