package main

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
)

// keyKeptError says that a key was made and saved, but not registered.
type keyKeptError struct {
	name  string
	paths []string
	err   error
}

func (e *keyKeptError) Error() string {
	return fmt.Sprintf("keypair %s is not registered: %v", e.name, e.err)
}
func (e *keyKeptError) Unwrap() error { return e.err }

// keyLostError says that nova made a keypair whose private key could not be
// saved: nobody has it now.
type keyLostError struct {
	name string
	err  error
}

func (e *keyLostError) Error() string {
	return fmt.Sprintf("keypair %s was made, but its private key is not saved: %v", e.name, e.err)
}
func (e *keyLostError) Unwrap() error { return e.err }

// fileExistsError says that a file is in the way, for none is overwritten.
type fileExistsError struct{ path string }

func (e *fileExistsError) Error() string { return e.path + " exists" }

// The words for keys and keypairs.

func sayKeyKept(e *keyKeptError) words {
	inner := explain(e.err)
	return words{
		what: fmt.Sprintf("keypair %s is not registered: %s", e.name, inner.what),
		more: append(inner.more, "the key is kept: "+strings.Join(e.paths, ", ")),
		hint: fmt.Sprintf("osssh key import %s %s", terminal.Quote(e.name), terminal.Quote(e.paths[0])),
	}
}

func sayKeyLost(e *keyLostError) words {
	inner := explain(e.err)
	return words{
		what: fmt.Sprintf("keypair %s was made, but its private key is not saved: %s", e.name, inner.what),
		more: inner.more,
		hint: "osssh key delete " + terminal.Quote(e.name),
	}
}

func sayFileExists(e *fileExistsError) words {
	return words{what: e.path + " exists, and no file is overwritten", hint: "--out names another place"}
}

func sayKeyFormat(e *keystore.FormatError) words {
	switch {
	case e.Encrypted:
		return words{what: fmt.Sprintf("%s is written without a passphrase only", e.Format), hint: "--format pkcs8 or openssh holds one"}
	case e.Format == keystore.PEM:
		return words{what: fmt.Sprintf("%s cannot hold a key of type %s", e.Format, strings.TrimPrefix(e.Type, "ssh-")), hint: "--format openssh, or --type rsa"}
	}
	return words{what: e.Error()}
}

func sayKeyFileName(e *keyFileNameError) words {
	return words{what: fmt.Sprintf("%q cannot be the name of a key file", e.name), hint: "choose another name"}
}

func sayKeypairName(e *openstack.KeypairNameError) words {
	if e.Newer != "" {
		return words{
			what: fmt.Sprintf("this nova takes no keypair named %q here: @ and . need microversion %s, which makes no keys itself", e.Name, e.Newer),
			hint: "letters, digits, spaces, _ and - are taken everywhere",
		}
	}
	return words{
		what: fmt.Sprintf("nova takes no keypair named %q", e.Name),
		hint: "1 to 255 letters, digits, _ - @ . and spaces within",
	}
}

func sayKeypairExists(e *openstack.KeypairExistsError) words {
	return words{what: fmt.Sprintf("keypair %s exists already", e.Name), hint: "choose another name; osssh key list shows those that are taken"}
}

func sayKeypairQuota(e *openstack.KeypairQuotaError) words {
	w := explainAPI(e.Err)
	w.hint = "osssh key list shows those without a server; osssh key delete NAME makes room"
	return w
}

// explainAPI is explain for an answer of nova that a type of its own wraps.
func explainAPI(err error) words {
	if w, ok := on(sayAPI)(err); ok {
		return w
	}
	return words{what: err.Error()}
}

func sayNoKeypair(e *noKeypairError) words {
	return words{what: "no keypair " + e.name, hint: "osssh key list"}
}

func sayNothingNamed(e *nothingNamedError) words {
	w := sayNotFound(e.NotFoundError)
	w.what = "no keypair and no server " + e.Name
	return w
}

func sayUnasked(e *unaskedError) words {
	return words{what: "no terminal to ask on", hint: e.flags}
}

func sayKeyNotHere(e *keyNotHereError) words {
	w := words{what: "no private key here opens " + e.name}
	if e.wanted.Public != nil {
		w.more = append(w.more, fmt.Sprintf("it takes %s %s", e.wanted.Public.Type(), ssh.FingerprintSHA256(e.wanted.Public)))
	}
	looked := e.result.Looked
	w.more = append(w.more, fmt.Sprintf("looked at %d keys in %d files and %d in the agent", looked.Keys, looked.Files, looked.AgentKeys))
	for _, miss := range e.result.Misses {
		w.more = append(w.more, "  "+missWords(miss))
	}
	return w
}
