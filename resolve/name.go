// Package resolve turns a name into one server and says how it could be
// reached: which addresses are worth dialling, in which order, and as whom.
package resolve

import (
	"regexp"
	"slices"
	"strings"

	"osssh/internal/openstack"
)

// namePattern is the regular expression that nova's name filter shall match for
// exactly this name, and hardly any other. Nova hands it to the database's
// REGEXP (nova/db/main/api.py, _regex_instance_filter), whose dialects agree on
// little and where MySQL's gets every | escaped: what could be special in one
// of them becomes ".", and the answer is filtered again, byte for byte.
func namePattern(name string) string {
	return "^" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r > 0x7f:
			return r
		case r == '_' || r == ' ' || r == '-':
			return r
		}
		return '.'
	}, name) + "$"
}

var serverID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// isID says whether name has the form of a server's id. A name may have it too.
func isID(name string) bool { return serverID.MatchString(name) }

// maxNear bounds how many near misses are named.
const maxNear = 5

// nearest gives the servers whose names come close to name: equal but for case
// first, then those that begin with it, then by edit distance up to a third of
// the name's length.
func nearest(name string, servers []openstack.Server) []openstack.Server {
	type miss struct {
		server   openstack.Server
		distance int
	}
	var misses []miss
	lower := strings.ToLower(name)
	for _, s := range servers {
		candidate := strings.ToLower(s.Name)
		distance := 0
		switch {
		case candidate == lower:
		case len(lower) >= 3 && strings.HasPrefix(candidate, lower):
			distance = 1
		default:
			limit := max(1, len(lower)/3)
			if distance = editDistance(lower, candidate, limit); distance > limit {
				continue
			}
		}
		misses = append(misses, miss{s, distance})
	}
	slices.SortStableFunc(misses, func(a, b miss) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.server.Name, b.server.Name)
	})
	var near []openstack.Server
	for _, m := range misses[:min(len(misses), maxNear)] {
		near = append(near, m.server)
	}
	return near
}

// editDistance is the number of insertions, deletions, substitutions and swaps
// of neighbours that lead from a to b (optimal string alignment), or limit+1
// where it is more than limit.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > limit || len(y)-len(x) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(y)], limit+1)
}
