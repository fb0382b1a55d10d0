package secgroup

import (
	"strings"
	"testing"
	"time"
)

func TestParseMark(t *testing.T) {
	end := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	ours := "osssh allow: server " + serverA
	for _, test := range []struct {
		description string
		want        Mark
		ok          bool
	}{
		{ours, Mark{ServerID: serverA}, true},
		{ours + ", until 2026-11-23T15:00:00Z", Mark{serverA, end}, true},

		{"", Mark{}, false},
		{"ssh from anywhere", Mark{}, false},
		{"osssh allow", Mark{}, false},
		{"osssh allow: server web", Mark{}, false},
		{"Osssh allow: server " + serverA, Mark{}, false},
		{" " + ours, Mark{}, false},
		{ours + " ", Mark{}, false},
		{ours + "\n", Mark{}, false},
		{ours + " (keep!)", Mark{}, false},
		{ours + ", until", Mark{}, false},
		{ours + ", until ", Mark{}, false},
		{ours + ", until tomorrow", Mark{}, false},
		{ours + ", until 2026-11-23T15:00:00+00:00", Mark{}, false},
		{ours + ", until 2026-11-23T15:00:00.5Z", Mark{}, false},
		{ours + ", until 2026-13-23T15:00:00Z", Mark{}, false},
		{ours + ", until 0001-01-01T00:00:00Z", Mark{}, false},
		{ours + ", until 2026-11-23T15:00:00Z, until 2026-11-23T15:00:00Z", Mark{}, false},
		{"osssh allow: server " + strings.ToUpper(serverA), Mark{}, false},
		{"osssh allow: server " + serverA + serverB, Mark{}, false},
		{"copied from osssh allow: server " + serverA, Mark{}, false},
	} {
		got, ok := ParseMark(test.description)
		if got != test.want || ok != test.ok {
			t.Errorf("%q: %+v, %v", test.description, got, ok)
		}
	}
}

// What is read is what was written, and it fits into neutron.
func FuzzParseMark(f *testing.F) {
	f.Add("osssh allow: server " + serverA)
	f.Add("osssh allow: server " + serverA + ", until 2026-11-23T15:00:00Z")
	f.Fuzz(func(t *testing.T, description string) {
		m, ok := ParseMark(description)
		if !ok && m != (Mark{}) {
			t.Errorf("%q is no mark, and gives %+v", description, m)
		}
		if ok && (m.String() != description || len(description) > 255 || strings.IndexFunc(description, func(r rune) bool { return r > '~' }) >= 0) {
			t.Errorf("%q became %q", description, m)
		}
	})
}

func TestMarkExpired(t *testing.T) {
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for until, want := range map[time.Time]bool{
		{}:                    false,
		now.Add(-time.Second): true,
		now:                   true,
		now.Add(time.Second):  false,
	} {
		if got := (Mark{Until: until}).Expired(now); got != want {
			t.Errorf("until %s: %v", until, got)
		}
	}
}

// A rule that bears a mark, but that allow could not have made, is somebody's own.
func TestMarkOf(t *testing.T) {
	mark := Mark{ServerID: serverA}.String()
	for text, want := range map[string]bool{
		"ingress IPv4 tcp 22 203.0.113.7/32":         true,
		"ingress IPv6 tcp 2222 2001:db8::/32":        true,
		"ingress IPv4 6 22 203.0.113.7/32":           true,
		"ingress IPv4 tcp 22 -":                      true, // anywhere, as some neutron may write it
		"egress IPv4 tcp 1024-65535 203.0.113.7/32":  true,
		"ingress IPv4 tcp 1-1024 203.0.113.7/32":     false,
		"ingress IPv4 tcp - 203.0.113.7/32":          false,
		"ingress IPv4 - - -":                         false,
		"ingress IPv4 udp 22 203.0.113.7/32":         false,
		"ingress IPv4 tcp 22 sg:a":                   false,
		"ingress IPv4 tcp 22 ag:a":                   false,
		"egress IPv4 tcp 22 203.0.113.7/32":          false,
		"sideways IPv4 tcp 22 203.0.113.7/32":        false,
		"ingress IPv4 tcp 22 not-an-address-at-all.": false,
	} {
		r := Rule{SecurityGroupRule: rule(t, text)}
		r.Description = mark
		if _, got := markOf(r); got != want {
			t.Errorf("%s: %v", text, got)
		}
		r.Description = "ssh"
		if _, got := markOf(r); got {
			t.Errorf("%s is taken for ours without a mark", text)
		}
	}
}
