package diagnose

// Mark is how a step on the path went.
type Mark int

// The marks.
const (
	NotReached Mark = iota // –
	Passed                 // ✓
	Unsure                 // ?
	Failed                 // ✗
)

// Step is one station of the path from here to the shell.
type Step struct {
	Name string // "you", "floating IP", "router", "security group", "instance", "sshd", "key" …
	What string // names and addresses
	Mark Mark
	Note string // what is wrong, in short
}

// steps draws the path as far as the facts know it.
func steps(f *Facts) []Step { return nil }
