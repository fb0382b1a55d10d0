package diagnose

import "fmt"

// Layer is a part of the path from here to the shell, in the order in which a
// login passes it.
type Layer int

// The layers.
const (
	Local     Layer = iota // this machine's configuration, the token
	Cloud                  // the APIs
	Name                   // which server is meant
	Address                // which address leads to it
	Path                   // router, networks, ports
	Group                  // security groups
	State                  // whether the server runs
	Boot                   // what its console tells of the last boot
	Transport              // TCP, banner, key exchange
	HostKey
	User    // keys and users
	Session // after the login
)

// String names the layer in lower case.
func (l Layer) String() string {
	return [...]string{"local", "cloud", "name", "address", "path", "group", "state", "boot", "transport", "host key", "user", "session"}[l]
}

// Confidence is how sure a finding is.
type Confidence int

// Certain: nothing else explains the facts. Probable: the facts fit, another
// explanation is left. Possible: worth a look where nothing better is found.
const (
	Possible Confidence = iota
	Probable
	Certain
)

// String names the confidence in lower case.
func (c Confidence) String() string { return [...]string{"possible", "probable", "certain"}[c] }

// Cause is one reason why a login fails. ID and Slug are stable.
type Cause struct {
	ID    string // "G3"
	Slug  string // "secgroup-prefix"
	Layer Layer
	Title string // what is wrong, in one line
	Shows string // what a user sees of it
	Told  string // what tells it
	Mends string // how it is mended
	// Find says whether the facts show it, nil where they do not.
	Find func(*Facts) *Finding
}

// Finding is a cause as it is here.
type Finding struct {
	Cause      Cause
	Confidence Confidence
	What       string   // one line: what is, with names and addresses
	Evidence   []string // one line each
	Fix        Fix
	// ByWire: it rests on what an SSH server answered, so that an answer does not
	// refute it (another machine at the address, say).
	ByWire bool
}

// Fix is what mends a finding.
type Fix struct {
	Command string // to be typed; "" where nothing that is typed mends it
	Words   string // in place of a command, or why it is to be taken with care
	// Harmless: it is osssh's own or touches only a file of the user's, and can be
	// undone; --fix may run it.
	Harmless bool
}

func (f Finding) String() string {
	return fmt.Sprintf("%s   [%s %s, %s]", f.What, f.Cause.ID, f.Cause.Slug, f.Confidence)
}

// Catalogue is the one table of causes, in the order of the reference: local
// configuration first, the session last.
func Catalogue() []Cause {
	var all []Cause
	for _, part := range []func() []Cause{
		localCauses, cloudCauses, serverCauses, addressCauses, pathCauses, groupCauses,
		transportCauses, hostKeyCauses, userCauses, guestCauses, sessionCauses,
	} {
		all = append(all, part()...)
	}
	return all
}
