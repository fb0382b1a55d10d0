package secgroup

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"osssh/internal/openstack"
)

// draw makes a query of few enough words that rules often nearly match.
func draw(t testing.TB, seed uint64, raw string) Query {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	address := func() string { return pick("203.0.113.7", "10.0.0.5", "2001:db8::7", "fe80::1", "::ffff:10.0.0.5") }
	drawRule := func() openstack.SecurityGroupRule {
		return rule(t, pick("ingress", "ingress", "egress")+" "+pick("IPv4", "IPv4", "IPv6", "odd")+" "+
			pick("-", "tcp", "TCP", "6", "udp", "icmp", "0", "132", "any")+" "+
			pick("-", "22", "1-1024", "23-80", "1024-65535", "80-22", "-1--1")+" "+
			pick("-", "0.0.0.0/0", "203.0.113.9/24", "10.0.0.5", "2001:db8::/32", "sg:a", "sg:b", "sg:c", "ag:x", "ag:y", "x"))
	}
	q := Query{DestinationPort: 22, Facts: Facts{
		Unsupported: r.IntN(50) == 0,
		Backend:     Backend(r.IntN(3)),
		Members: map[string]Members{
			"a": {Addresses: addrs(address()), Complete: true},
			"b": {Pairs: []netip.Prefix{netip.MustParsePrefix(pick("10.0.0.0/24", "0.0.0.0/0", "::/0"))}, Complete: r.IntN(2) == 0},
		},
		AddressGroups: map[string]openstack.AddressGroup{"x": {Addresses: []string{"10.0.0.0/8", "junk"}}},
	}}
	tracked := r.IntN(6) // neutron takes no stateful and stateless groups on one port
	for _, id := range []string{"a", "b", "d"} {
		g := group(t, id)
		for range r.IntN(4) {
			g.Rules = append(g.Rules, drawRule())
			g.Rules[len(g.Rules)-1].ID = id + string(rune('0'+len(g.Rules)))
		}
		if tracked < 2 {
			g = stateful(g, tracked == 0)
		}
		if r.IntN(2) == 0 {
			q.Port.SecurityGroups = append(q.Port.SecurityGroups, id)
		}
		if r.IntN(8) > 0 {
			q.Groups = append(q.Groups, g)
		}
	}
	if r.IntN(4) > 0 {
		q.Source = netip.MustParseAddr(address())
	}
	q.Port.VNICType = pick("", "", "normal", "direct", raw)
	if len(q.Groups) > 0 && len(q.Groups[0].Rules) > 0 {
		q.Groups[0].Rules[0].RemoteIPPrefix = &raw // whatever a broken service may send
	}
	return q
}

func FuzzEvaluate(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, "192.0.2.0/24")
	}
	f.Add(uint64(1), "1.2.3.4/99")
	f.Add(uint64(2), "fe80::1%eth0/64")
	f.Fuzz(func(t *testing.T, seed uint64, raw string) {
		v := Evaluate(draw(t, seed, raw))
		holdsTogether(t, v)

		q := draw(t, seed, raw)
		shuffle(q, seed)
		if got := Evaluate(q); !sameVerdict(got, v) {
			t.Errorf("another order, another verdict:\n%+v\n%+v", v, got)
		}

		q = draw(t, seed, raw)
		for i := range q.Groups {
			q.Groups[i].Rules = append(q.Groups[i].Rules, rule(t, "ingress IPv4 - - -"), rule(t, "ingress IPv6 - - -"), rule(t, "egress IPv4 - - -"), rule(t, "egress IPv6 - - -"))
		}
		got := Evaluate(q)
		if v.Answer == Allow && got.Answer != Allow {
			t.Errorf("rules that admit all turned %v into %v (%v)", v.Answer, got.Answer, got.Reason)
		}
		bound := slices.ContainsFunc(q.Groups, func(g openstack.SecurityGroup) bool { return slices.Contains(q.Port.SecurityGroups, g.ID) })
		if bound && got.Answer != Allow {
			t.Errorf("rules that admit all give %v (%v)", got.Answer, got.Reason)
		}

		for what, forget := range forgetting {
			q = draw(t, seed, raw)
			forget(&q)
			if got := Evaluate(q); got.Answer != v.Answer && got.Answer != Unknown {
				t.Errorf("without %s %v (%v) became %v (%v)", what, v.Answer, v.Reason, got.Answer, got.Reason)
			}
		}
	})
}

// forgetting is knowledge that may be lacking: the answer may get lost for it,
// but never turn.
var forgetting = map[string]func(*Query){
	"a group":         func(q *Query) { q.Groups = q.Groups[:max(len(q.Groups)-1, 0)] },
	"all groups":      func(q *Query) { q.Groups = nil },
	"members":         func(q *Query) { q.Facts.Members = nil },
	"address groups":  func(q *Query) { q.Facts.AddressGroups = nil },
	"the backend":     func(q *Query) { q.Facts.Backend = BackendUnknown },
	"the source":      func(q *Query) { q.Destination, q.Source = q.Source, netip.Addr{} },
	"the whole truth": func(q *Query) { q.Groups, q.Facts.Members, q.Facts.AddressGroups = nil, nil, nil },
}

func shuffle(q Query, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	swap(r, q.Groups)
	swap(r, q.Port.SecurityGroups)
	for _, g := range q.Groups {
		swap(r, g.Rules)
	}
}

func swap[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func sameVerdict(a, b Verdict) bool {
	slices.Sort(a.Unreadable)
	slices.Sort(b.Unreadable)
	return reflect.DeepEqual(a, b)
}
