package secgroup

import (
	"regexp"
	"strings"
	"time"
)

// Mark is what the description of a rule or group says that was made to open
// one server, so that it is known again.
type Mark struct {
	ServerID string
	Until    time.Time // when it is to be closed again, in whole seconds; zero: no end
}

const (
	markStart = "osssh allow: server "
	markUntil = ", until "
	markTime  = "2006-01-02T15:04:05Z" // RFC 3339, always in UTC
)

var serverID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// IsServerID says whether a word is an id as nova gives them.
func IsServerID(word string) bool { return serverID.MatchString(word) }

// String is the mark as a description: ASCII, and far below neutron's 255
// characters.
func (m Mark) String() string {
	s := markStart + m.ServerID
	if !m.Until.IsZero() {
		s += markUntil + m.Until.UTC().Format(markTime)
	}
	return s
}

// Expired says whether the end that the mark tells has come.
func (m Mark) Expired(now time.Time) bool { return !m.Until.IsZero() && !m.Until.After(now) }

// ParseMark reads a description. Only one that String could have written, byte
// for byte, is a mark: what people wrote is not to be deleted for a likeness.
func ParseMark(description string) (Mark, bool) {
	rest, ok := strings.CutPrefix(description, markStart)
	id, until, timed := strings.Cut(rest, markUntil)
	if !ok || !IsServerID(id) {
		return Mark{}, false
	}
	m := Mark{ServerID: id}
	if timed {
		end, err := time.Parse(markTime, until)
		if err != nil || end.IsZero() {
			return Mark{}, false
		}
		m.Until = end
	}
	if m.String() != description {
		return Mark{}, false
	}
	return m, true
}

// markOf gives the mark of a rule that Opening could have asked for. One that
// was made wider since is no longer ours.
func markOf(r Rule) (Mark, bool) {
	m, ok := ParseMark(r.Description)
	a := r.Admits()
	ok = ok && a.Protocol == "tcp" && a.Prefix.IsValid()
	switch r.Direction {
	case "ingress":
		return m, ok && a.First > 0 && a.First == a.Last
	case "egress":
		return m, ok && a.First == replyLow && a.Last == replyHigh
	}
	return Mark{}, false
}
