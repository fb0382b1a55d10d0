package keystore

import (
	"context"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Search says where to look for keys.
type Search struct {
	// Explicit are files that the user named, in this order: those of -i, then
	// ssh_config's IdentityFile. A public key file chooses a key of the agent,
	// or the private key beside it.
	Explicit []string
	// Home is looked through: all of .ssh and .ssh/osssh, and *.pem, *.ppk, *.key and *.pk8 in
	// itself, Downloads and Documents. "": no directory.
	Home string
	// Agent is asked for its keys; nil: none. One that does not answer within 2 s is
	// left out; its connection is the caller's to close.
	Agent agent.ExtendedAgent
}

// Wanted is what is known of the keys that an instance takes.
type Wanted struct {
	Public ssh.PublicKey // the keypair's, as Nova tells it; nil: not known
	SHA256 [][]byte      // fingerprints of the installed keys that the console shows, 32 bytes each
	MD5    [][]byte      // the same in MD5, 16 bytes each
	Name   string        // the keypair's name; "": none
}

// tells whether anything but the name is known.
func (w Wanted) tells() bool { return w.Public != nil || len(w.SHA256)+len(w.MD5) > 0 }

// How is the reason why an identity is thought to open the instance.
type How uint8

// The reasons, the best first.
const (
	_             How = iota
	ByFingerprint     // it is among the installed keys that the console shows
	ByPublicKey       // it is the keypair's public key
	ByPubFile         // as one of these two, but told by the .pub beside only
	ByExplicit        // the user named it; its public half is hidden or another
	ByName            // named as the keypair; its public half is hidden, or the keypair's is not known
	ByDefault         // nothing is known of the key: what ssh would try, at most 5
)

// Identity is one private key that may open the instance: a file, or a key in
// the agent.
type Identity struct {
	File     *File         // nil: the agent's
	Agent    *agent.Key    // nil: a file
	Public   ssh.PublicKey // nil: hidden
	How      How
	Explicit bool // the user named it

	wanted Wanted
	agent  agent.ExtendedAgent
	order  int // where the first copy of this key was found
}

// Result is what was found for one Wanted.
type Result struct {
	Identities []*Identity // best first
	Misses     []Miss      // what looked tempting and does not fit
	Looked     Looked
}

// Looked counts what a scan saw.
type Looked struct {
	Files      int   // key files read
	Keys       int   // private keys among them
	AgentKeys  int   // keys in the agent
	Truncated  bool  // there are more files than a scan looks at
	AgentError error // the agent did not answer
}

// Reason says why a file does not count.
type Reason uint8

// The reasons.
const (
	_          Reason = iota
	Other             // another key, though named as the keypair
	HiddenHalf        // its public half is hidden, and nothing else speaks for it
	PublicOnly        // the public half is right, the private one is not here
	Unusable          // Err says why: not readable, damaged, of an unsupported kind
)

// Miss is a file that looked tempting and does not fit.
type Miss struct {
	Path string
	Why  Reason
	File *File // nil where it could not be read
	Err  error
}

// Find scans and matches for one instance.
func Find(ctx context.Context, s Search, w Wanted) (Result, error) {
	index, err := Scan(ctx, s)
	if err != nil {
		return Result{}, err
	}
	return index.Match(w), nil
}
