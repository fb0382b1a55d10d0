package main

import (
	"slices"
	"testing"
)

func TestPlaces(t *testing.T) {
	clouds := []string{"prod", "dev"}
	for name, want := range map[string][]place{
		"web":              {{"", "web"}},
		"prod/web":         {{"", "prod/web"}, {"prod", "web"}},
		"prod/a/b":         {{"", "prod/a/b"}, {"prod", "a/b"}},
		"other/web":        {{"", "other/web"}},
		"prod/":            {{"", "prod/"}},
		"web.osssh":        {{"", "web"}},
		"web.dev.osssh":    {{"", "web.dev"}, {"dev", "web"}},
		"a.b.dev.osssh":    {{"", "a.b.dev"}, {"dev", "a.b"}},
		"web.other.osssh":  {{"", "web.other"}},
		"web.dev":          {{"", "web.dev"}},
		"dev.osssh":        {{"", "dev"}},
		".dev.osssh":       {{"", ".dev"}},
		"prod/x.dev.osssh": {{"", "prod/x.dev"}, {"dev", "prod/x"}},
	} {
		if got := places(name, clouds); !slices.Equal(got, want) {
			t.Errorf("places(%q) = %v, want %v", name, got, want)
		}
	}
}
