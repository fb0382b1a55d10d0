package terminal

import (
	"strings"
	"testing"
)

func TestFields(t *testing.T) {
	fields := Fields{
		{Name: "server", Values: []string{"web\t1", "", "ACTIVE"}, Lines: []string{"web\x1b[31m, ACTIVE"}},
		{Name: "cloud", Values: []string{"demo"}},
		{Name: "key", Values: []string{"a"}, Lines: []string{"a", "  b"}},
		{Name: "key", Values: []string{"c"}, Lines: []string{"c"}},
		{Name: "user", Values: []string{"me"}, Lines: []string{"me"}},
	}
	for _, c := range []struct {
		name  string
		write func(*strings.Builder) error
		want  string
	}{
		{"text", func(b *strings.Builder) error { return fields.WriteText(b) },
			"server  web[31m, ACTIVE\nkey     a\n          b\n        c\nuser    me\n"},
		{"tsv", func(b *strings.Builder) error { return fields.WriteTSV(b) },
			"server\tweb 1\t-\tACTIVE\ncloud\tdemo\nkey\ta\nkey\tc\nuser\tme\n"},
		{"nothing", func(b *strings.Builder) error { return Fields{}.WriteText(b) }, ""},
	} {
		var got strings.Builder
		if err := c.write(&got); err != nil || got.String() != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got.String(), err, c.want)
		}
	}
}
