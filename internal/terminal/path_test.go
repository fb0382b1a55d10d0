package terminal

import (
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	p := Path{
		{Name: "you", What: "198.51.100.7, on-link", Sign: "✓", Colour: Green},
		{Name: "security group", What: "ssh\x1b[2J", Sign: "✗", Colour: Red, Note: "tcp/22 only from\n192.0.2.0/24"},
		{Name: "sshd", What: "", Sign: "–"},
	}
	for _, c := range []struct {
		name     string
		width    int
		coloured bool
		want     string
	}{
		{"plain", 0, false, "" +
			"  you             198.51.100.7, on-link  ✓\n" +
			"  security group  ssh[2J                 ✗ tcp/22 only from 192.0.2.0/24\n" +
			"  sshd                                   –\n"},
		{"coloured", 0, true, "" +
			"  you             198.51.100.7, on-link  \x1b[32m✓\x1b[0m\n" +
			"  security group  ssh[2J                 \x1b[31m✗ tcp/22 only from 192.0.2.0/24\x1b[0m\n" +
			"  sshd                                   –\n"},
		{"cut", 48, false, "" +
			"  you             198.51.100.7, on-link  ✓\n" +
			"  security group  ssh[2J                 ✗ tcp/…\n" +
			"  sshd                                   –\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if err := p.WriteText(&out, c.width, c.coloured); err != nil || out.String() != c.want {
				t.Errorf("got\n%s, want\n%s, %v", out.String(), c.want, err)
			}
		})
	}
}

// However narrow the terminal, a station takes one line of it.
func TestPathNarrow(t *testing.T) {
	p := Path{{Name: "security group", What: strings.Repeat("x", 200), Sign: "✗", Note: "no rule"}}
	for width := 2; width < 60; width++ {
		var out strings.Builder
		if err := p.WriteText(&out, width, false); err != nil {
			t.Fatal(err)
		}
		if line := strings.TrimSuffix(out.String(), "\n"); columns(line) > width || strings.Contains(line, "\n") {
			t.Errorf("width %d: %q", width, line)
		}
	}
}
