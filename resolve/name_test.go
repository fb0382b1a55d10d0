package resolve

import (
	"regexp"
	"testing"

	"osssh/internal/openstack"
)

func TestNamePattern(t *testing.T) {
	for name, want := range map[string]string{
		"web":           "^web$",
		"web-1_a b":     "^web-1_a b$",
		"a.b":           "^a.b$",
		"db|cache":      "^db.cache$",
		`x\d+(`:         "^x.d..$",
		"größe":         "^größe$",
		"[a-z]*":        "^.a-z..$",
		"'; drop table": "^.. drop table$",
	} {
		got := namePattern(name)
		if got != want {
			t.Errorf("namePattern(%q) = %q, want %q", name, got, want)
		}
		if !regexp.MustCompile(got).MatchString(name) {
			t.Errorf("%q does not match its own name %q", got, name)
		}
	}
}

func FuzzNamePattern(f *testing.F) {
	f.Add(`web(\`)
	f.Fuzz(func(t *testing.T, name string) {
		if _, err := regexp.Compile(namePattern(name)); err != nil {
			t.Errorf("namePattern(%q): %v", name, err)
		}
	})
}

func TestIsID(t *testing.T) {
	for name, want := range map[string]bool{
		"022771e9-250c-49df-a83f-e7c0c7cfa936": true,
		"022771E9-250C-49DF-A83F-E7C0C7CFA936": false,
		"022771e9250c49dfa83fe7c0c7cfa936":     false,
		"web":                                  false,
	} {
		if isID(name) != want {
			t.Errorf("isID(%q) = %v", name, !want)
		}
	}
}

func TestNearest(t *testing.T) {
	var servers []openstack.Server
	for _, name := range []string{"Web", "web-1", "webb", "bew", "db1", "database", "production-api"} {
		servers = append(servers, openstack.Server{Name: name})
	}
	for name, want := range map[string][]string{
		"web":            {"Web", "web-1", "webb"},
		"WEB":            {"Web", "web-1", "webb"},
		"bd1":            {"db1"},
		"productoin-api": {"production-api"},
		"prod":           {"production-api"},
		"nothing":        nil,
		"":               nil,
	} {
		var got []string
		for _, s := range nearest(name, servers) {
			got = append(got, s.Name)
		}
		if len(got) != len(want) {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("nearest(%q) = %q, want %q", name, got, want)
			}
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"web", "web", 3, 0}, {"web", "wbe", 3, 1}, {"web", "we", 3, 1}, {"kitten", "sitting", 5, 3},
		{"abc", "xyz", 2, 3}, {"", "abcdef", 3, 4}, {"größe", "grösse", 3, 2},
	} {
		if got := editDistance(c.a, c.b, c.limit); got != c.want {
			t.Errorf("editDistance(%q, %q, %d) = %d, want %d", c.a, c.b, c.limit, got, c.want)
		}
	}
}
