package sshconfig

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// PuTTYSession is a saved session of PuTTY, as far as osssh has a say in it
// (settings.c of PuTTY). All other settings of the session are its user's.
type PuTTYSession struct {
	Host    string // name or address to connect to
	Port    int    // 1 to 65535
	User    string // "": PuTTY asks
	KeyFile string // absolute path of a PPK, or of a public key that chooses one of the agent's; "": none
	// HostKeys are the fingerprints of the only host keys to accept,
	// "SHA256:…". None: PuTTY remembers host keys itself.
	HostKeys []string
	// HostKeyTypes are the types of these keys, such as "ssh-ed25519".
	HostKeyTypes []string
	// HostKeyAlias is the name under which PuTTY remembers a host key; "": Host.
	HostKeyAlias string
}

// PuTTYValueError is a value that does not fit on a line of a saved session.
type PuTTYValueError struct{ Key, Value string }

func (e *PuTTYValueError) Error() string {
	return fmt.Sprintf("%s of a PuTTY session cannot be %q", e.Key, e.Value)
}

// puttySetting is one setting. PuTTY keeps numbers apart from strings in
// Windows' registry; where value is "" its own default counts.
type puttySetting struct {
	key, value string
	number     bool
}

// settings are the settings that osssh writes.
func (s PuTTYSession) settings() ([]puttySetting, error) {
	settings := []puttySetting{
		{key: "HostName", value: s.Host},
		{key: "PortNumber", value: strconv.Itoa(s.Port), number: true},
		{key: "Protocol", value: "ssh"},
		{key: "UserName", value: s.User},
		{key: "PublicKeyFile", value: s.KeyFile},
		{key: "LogHost", value: s.HostKeyAlias},
		{key: "SSHManualHostKeys", value: strings.Join(s.HostKeys, ",")},
		{key: "HostKey", value: puttyHostKeyOrder(s.HostKeyTypes)},
	}
	for _, setting := range settings {
		if strings.ContainsFunc(setting.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, &PuTTYValueError{Key: setting.key, Value: setting.value}
		}
	}
	for _, fingerprint := range s.HostKeys {
		if strings.ContainsAny(fingerprint, `,=\`) { // they part the entries of PuTTY's list
			return nil, &PuTTYValueError{Key: "SSHManualHostKeys", Value: fingerprint}
		}
	}
	return settings, nil
}

// puttyHostKeyOrder puts the types that are known first, so that the server
// shows a key that can be compared; "" where none is known.
func puttyHostKeyOrder(types []string) string {
	order := []string{"WARN", "ed25519", "ed448", "ecdsa", "rsa", "dsa"}
	known := 0
	for _, t := range types {
		at := slices.Index(order, puttyHostKeyName(t))
		if at < known {
			continue // none of PuTTY's, or there already
		}
		order = slices.Insert(slices.Delete(order, at, at+1), known, puttyHostKeyName(t))
		known++
	}
	if known == 0 {
		return ""
	}
	return strings.Join(order, ",")
}

func puttyHostKeyName(keyType string) string {
	switch keyType {
	case ssh.KeyAlgoED25519:
		return "ed25519"
	case "ssh-ed448":
		return "ed448"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "ecdsa"
	case ssh.KeyAlgoRSA:
		return "rsa"
	}
	return ""
}

// Merge gives the content of the session's file as PuTTY keeps it on Unix: the
// settings of the session, and every other line of old as it stands there.
func (s PuTTYSession) Merge(old []byte) ([]byte, error) {
	settings, err := s.settings()
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	for _, setting := range settings {
		if setting.value != "" {
			fmt.Fprintf(&content, "%s=%s\n", setting.key, setting.value)
		}
	}
	for line := range bytes.Lines(old) {
		key, _, _ := bytes.Cut(line, []byte("="))
		ours := slices.ContainsFunc(settings, func(s puttySetting) bool { return s.key == string(key) })
		if !ours {
			content.Write(line)
		}
	}
	return append(content.Bytes(), startOfLine(&content)...), nil
}
