package resolve

import (
	"context"
	"errors"
	"testing"
)

func TestFindByAddress(t *testing.T) {
	const outside = "198.51.100.7"
	fromPort := func(port string, external, internal int) record { return forward(external, internal, "10.0.0.6", port) }
	for _, c := range []struct {
		what     string
		floating []record
		address  string
		want     string // "": none
		several  int
	}{
		{what: "fixed", address: "10.0.0.6", want: "one"},
		{what: "nobody's", address: "10.0.0.99"},
		{what: "a floating IP", floating: []record{bound("f", outside, "one-a", "10.0.0.6")}, address: outside, want: "one"},
		{what: "the floating IP wins", floating: []record{bound("f", "10.0.0.7", "one-a", "10.0.0.6")}, address: "10.0.0.7", want: "one"},
		{what: "a free floating IP", floating: []record{forwarder("f", outside, []record{})}, address: outside},
		{what: "bound to what is no server's", floating: []record{bound("f", outside, "gone", "10.0.0.9")}, address: outside},
		{what: "forwardings to one server", floating: []record{forwarder("f", outside, []record{fromPort("one-a", 80, 8080), fromPort("one-a", 81, 8081)})}, address: outside, want: "one"},
		{what: "forwardings to two, SSH to one", floating: []record{forwarder("f", outside, []record{fromPort("one-a", 80, 8080), fromPort("two-a", 2222, 22)})}, address: outside, want: "two"},
		{what: "SSH to both", floating: []record{forwarder("f", outside, []record{fromPort("one-a", 2221, 22), fromPort("two-a", 2222, 22)})}, address: outside, several: 2},
		{what: "SSH to neither", floating: []record{forwarder("f", outside, []record{fromPort("one-a", 80, 80), fromPort("two-a", 81, 80)})}, address: outside, several: 2},
		{what: "forwardings to two ports of one", floating: []record{forwarder("f", outside, []record{fromPort("one-a", 80, 80), fromPort("one-b", 81, 80)})}, address: outside, want: "one"},
		{what: "one of two is gone", floating: []record{forwarder("f", outside, []record{fromPort("one-a", 80, 80), fromPort("lost-a", 81, 80)})}, address: outside, want: "one"},
	} {
		for _, extension := range []bool{true, false} {
			if !extension && c.floating != nil {
				continue
			}
			n := &neutron{records: map[string][]record{
				"servers": {{"id": "one", "name": "one"}, {"id": "two", "name": "two"}},
				"ports":   {legOf("one", "a", "10.0.0.6"), legOf("one", "b", "10.1.0.6"), legOf("two", "a", "10.0.0.7"), legOf("lost", "a", "10.0.0.8")},
			}}
			if extension {
				n.records["floatingips"] = append([]record{}, c.floating...)
			}
			server, err := Find(context.Background(), n.connect(t), c.address)
			var missing *NotFoundError
			var ambiguous *AmbiguousError
			switch {
			case c.several > 0:
				if !errors.As(err, &ambiguous) || len(ambiguous.Servers) != c.several {
					t.Errorf("%s: %v, %v", c.what, server.ID, err)
				}
			case c.want == "":
				if !errors.As(err, &missing) {
					t.Errorf("%s: %v, %v", c.what, server.ID, err)
				}
			case err != nil || server.ID != c.want:
				t.Errorf("%s: %v, %v", c.what, server.ID, err)
			}
		}
	}
}

// A name that no expression may see: the answer is compared byte for byte.
func TestFindByName(t *testing.T) {
	n := &neutron{records: map[string][]record{"servers": {
		{"id": "1", "name": "web"}, {"id": "2", "name": "Web"}, {"id": "3", "name": "a.c"}, {"id": "4", "name": "abc"},
		{"id": "5", "name": "twin"}, {"id": "6", "name": "twin"}, {"id": "7", "name": "10.0.0.6"},
	}}}
	c := n.connect(t)
	for name, want := range map[string]string{"web": "1", "Web": "2", "a.c": "3", "10.0.0.6": "7"} {
		n.records["floatingips"] = []record{}
		if server, err := Find(context.Background(), c, name); err != nil || server.ID != want {
			t.Errorf("%q: %s, %v", name, server.ID, err)
		}
	}
	_, err := Find(context.Background(), c, "twin")
	if several, ok := errors.AsType[*AmbiguousError](err); !ok || len(several.Servers) != 2 {
		t.Errorf("twin: %v", err)
	}
	_, err = Find(context.Background(), c, "wbe")
	missing, ok := errors.AsType[*NotFoundError](err)
	if !ok || len(missing.Near) == 0 || missing.Near[0].Name != "Web" {
		t.Errorf("wbe: %v", err)
	}
}

// What is gone is told by its name too: for good, or not yet.
func TestFindGone(t *testing.T) {
	n := &neutron{records: map[string][]record{"servers": {
		{"id": "1", "name": "web", "status": "DELETED"}, {"id": "2", "name": "web", "status": "SOFT_DELETED"},
		{"id": "3", "name": "web", "status": "ACTIVE"}, {"id": "4", "name": "web2", "status": "DELETED"},
	}}}
	err := notFound(context.Background(), n.connect(t), "web")
	missing, ok := errors.AsType[*NotFoundError](err)
	if !ok || len(missing.Deleted) != 1 || missing.Deleted[0].ID != "1" || len(missing.Restorable) != 1 || missing.Restorable[0].ID != "2" {
		t.Errorf("%+v", missing)
	}
}
