package keystore

import (
	"context"
	"errors"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Search says where to look for keys.
type Search struct {
	// Explicit are files that the user named, in this order: those of -i, then
	// ssh_config's IdentityFile. A public key file chooses a key of the agent.
	Explicit []string
	// Home is looked through: .ssh, .ssh/osssh, and *.pem, *.ppk and *.key in
	// itself, Downloads and Documents. "": no directory.
	Home string
	// Agent is asked for its keys; nil: none.
	Agent agent.ExtendedAgent
}

// Wanted is what is known of the key that an instance takes.
type Wanted struct {
	Public ssh.PublicKey // the keypair's, as Nova tells it; nil: not known
	SHA256 [][]byte      // fingerprints of the authorized keys that the console shows, 32 bytes each
	MD5    [][]byte      // the same in MD5, 16 bytes each
	Name   string        // the keypair's name; "": none
}

// How is the reason why an identity is thought to open the instance.
type How uint8

// The reasons, the best first.
const (
	_              How = iota
	ByFingerprint      // its fingerprint is among those that the console shows: it is installed
	ByPublicKey        // it is the keypair's public key
	ByPubFile          // the .pub beside is the keypair's or an installed key; its own public half is hidden
	ByExplicit         // the user named the file; its public half is hidden or another
	ByName             // named as the keypair; the public half is hidden, or the keypair's is not known
	ByDefault          // nothing is known of the key wanted: the agent's keys and ssh's default files
)

// Identity is one private key that may open the instance: a file, or a key in
// the agent.
type Identity struct {
	File     *File         // nil: only in the agent; a public key file where that chose the agent's key
	Agent    *agent.Key    // nil: a file
	Public   ssh.PublicKey // nil: hidden
	How      How
	Explicit bool // the user named the file
	wanted   Wanted
	agent    agent.ExtendedAgent
}

// Prompt is what is known of a key whose passphrase is asked.
type Prompt struct {
	Path    string
	Comment string
	Try     int // 1 to 3
}

// Result is what was found for one Wanted.
type Result struct {
	Identities []*Identity // best first
	Misses     []Miss      // what looked tempting and does not fit
	Looked     Looked
}

// Looked counts what a scan saw.
type Looked struct {
	Files     int  // files opened
	Keys      int  // private keys among them
	AgentKeys int  // keys in the agent
	Truncated bool // there were more files than a scan looks at
	Agent     error
}

// Reason says why a file does not count.
type Reason uint8

// The reasons.
const (
	_           Reason = iota
	Other              // another key
	HiddenHalf         // its public half is hidden, and nothing else speaks for it
	PublicOnly         // the public half is right, the private one is not here
	Unreadable         // Err says why
	Unsupported        // Err says why
	Corrupt            // Err says why
)

// Miss is a file that looked tempting and does not fit.
type Miss struct {
	Path string
	Why  Reason
	File *File // nil where it could not be read
	Err  error
}

// Index is what one scan found; many servers are matched against it.
type Index struct {
	Files     []*File      // private keys, and public key files that the user named
	AgentKeys []*agent.Key // as the agent lists them
	Looked    Looked
}

// Scan looks for keys once: at most 1,000 files of at most 1 MiB each. Only ctx
// ending is an error; what cannot be read is told by the Index.
func Scan(ctx context.Context, s Search) (*Index, error) { return nil, errors.New("not yet") }

// Match ranks the keys for one instance.
func (x *Index) Match(w Wanted) Result { return Result{} }

// Find scans and matches for one instance.
func Find(ctx context.Context, s Search, w Wanted) (Result, error) {
	x, err := Scan(ctx, s)
	if err != nil {
		return Result{}, err
	}
	return x.Match(w), nil
}

// Signer gives a signer for the identity. The passphrase is asked as late as
// can be: where the public half is known, when the first signature is made, that
// is after the server has said that it takes the key; else at once. It is asked at most three
// times; nil ask: never. ctx bounds the asking. RSA keys sign with rsa-sha2-512
// and rsa-sha2-256, never with SHA-1.
//
// Errors, from here or from signing: those of File.Open, *UnprotectedError, and
// *MismatchError where the opened key is not the wanted one.
func (id *Identity) Signer(ctx context.Context, ask func(context.Context, Prompt) ([]byte, error)) (ssh.Signer, error) {
	return nil, errors.New("not yet")
}

// Protect makes a private key file readable by its owner only.
func Protect(path string) error { return errors.New("not yet") }
