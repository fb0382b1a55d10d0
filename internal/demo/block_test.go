package demo

import "testing"

// Clouds that run side by side have ports of their own, also where they refuse.
func TestBlocks(t *testing.T) {
	taken := map[int]string{}
	clouds := []*Cloud{start(t, Options{})}
	for range 2 {
		c, err := Start(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		clouds = append(clouds, c)
	}
	for _, c := range clouds {
		for _, one := range []*Cloud{c, c.Other()} {
			if one.block == nil || taken[one.portBase] != "" {
				t.Errorf("block %d of %s is %s's too", one.portBase, one.name, taken[one.portBase])
			}
			taken[one.portBase] = one.name
		}
	}
}
