package console

import (
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

const maxHostKeys = 32 // in one block; sshd has three by default

var (
	keyType = regexp.MustCompile(`^(?:ssh|ecdsa|sk)-[a-z0-9@.-]{1,60}$`)
	// Longer than any hash in hexadecimal that a kernel prints but SHA-256's:
	// the rest of a key whose line was torn.
	tornKey = regexp.MustCompile(`[A-Za-z0-9+/]{44}`)
	// ssh-keygen -l: bits, fingerprint, comment, type.
	fingerprintLine = regexp.MustCompile(`(?:^| )(\d{2,6}) (SHA256:[A-Za-z0-9+/]{43}) (?:.* )?\(([A-Z0-9-]{2,20})\)`)
	// awk '{print "SSH host key: " $2 " " $4}' over the same (gensnippet_ssh_keys).
	coreOSLine = regexp.MustCompile(`SSH host key: (SHA256:[A-Za-z0-9+/]{43}) \(([A-Z0-9-]{2,20})\)`)
)

// readHostKeys reads blocks as cloud-init's write-ssh-key-fingerprints and
// cirros-status print them, and CoreOS's lines.
func (l *Log) readHostKeys(lines []line) {
	keys := lastBlock(lines, "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----", readKey)
	for _, k := range keys {
		l.HostKeys = append(l.HostKeys, k)
		l.addType(k.Type())
	}
	prints := lastBlock(lines, "-----BEGIN SSH HOST KEY FINGERPRINTS-----", "-----END SSH HOST KEY FINGERPRINTS-----", readFingerprint)
	if len(prints) == 0 {
		prints = coreOSFingerprints(lines)
	}
	for _, p := range prints {
		if !slices.Contains(l.Fingerprints, p.sha256) {
			l.Fingerprints = append(l.Fingerprints, p.sha256)
		}
		for _, t := range p.keyTypes() {
			l.addType(t)
		}
	}
}

func (l *Log) addType(t string) {
	if !slices.Contains(l.HostKeyTypes, t) {
		l.HostKeyTypes = append(l.HostKeyTypes, t)
	}
}

// lastBlock gives the items of the last block that is complete and not empty.
// A block is complete if its begin and end are there and no line between them
// is a damaged item: half a block would refuse a key that stood in the other half.
func lastBlock[T any](lines []line, begin, end string, read func(string) (item T, found, damaged bool)) []T {
	var last, open []T
	within, spoiled := false, false
	for _, l := range lines {
		text := l.text
		if _, after, found := strings.Cut(text, begin); found {
			within, spoiled, open = true, false, nil
			text = after
		}
		if !within {
			continue
		}
		text, _, ended := strings.Cut(text, end)
		item, found, damaged := read(text)
		spoiled = spoiled || damaged || len(open) > maxHostKeys
		if found {
			open = append(open, item)
		}
		if ended {
			if !spoiled && len(open) > 0 {
				last = open
			}
			within = false
		}
	}
	return last
}

// readKey finds "TYPE BASE64" in a line. A key of a type that x/crypto does not
// know is passed over, as are certificates: they are no host keys.
func readKey(text string) (key ssh.PublicKey, found, damaged bool) {
	words := strings.Fields(text)
	for i, w := range words {
		if !keyType.MatchString(w) || i+1 == len(words) || !strings.HasPrefix(words[i+1], "AAAA") {
			continue
		}
		if strings.Contains(w, "-cert-v") {
			return nil, false, false
		}
		blob, err := base64.StdEncoding.DecodeString(words[i+1])
		if err != nil || !wellFormed(blob, w) {
			return nil, false, true
		}
		key, err := ssh.ParsePublicKey(blob)
		return key, err == nil, false
	}
	return nil, false, tornKey.MatchString(text)
}

// wellFormed reports whether blob is a whole public key of this type: strings
// of RFC 4251, the first of which names the type, and nothing left.
func wellFormed(blob []byte, keyType string) bool {
	for first := true; first || len(blob) > 0; first = false {
		if len(blob) < 4 {
			return false
		}
		n := binary.BigEndian.Uint32(blob)
		blob = blob[4:]
		if uint64(n) > uint64(len(blob)) || first && string(blob[:n]) != keyType {
			return false
		}
		blob = blob[n:]
	}
	return true
}

type fingerprint struct{ bits, sha256, name string }

// readFingerprint reads a line of ssh-keygen -l. MD5, which old releases print,
// proves too little to accept a host key by and is passed over.
func readFingerprint(text string) (f fingerprint, found, damaged bool) {
	m := fingerprintLine.FindStringSubmatch(text)
	if m == nil {
		return f, false, strings.Contains(text, "SHA256:")
	}
	return fingerprint{m[1], m[2], m[3]}, true, false
}

func coreOSFingerprints(lines []line) []fingerprint {
	var out []fingerprint
	for _, l := range lines {
		m := coreOSLine.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		if f := (fingerprint{sha256: m[1], name: m[2]}); len(out) < maxHostKeys && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// keyTypes turns ssh-keygen's short name into the type in the handshake.
func (f fingerprint) keyTypes() []string {
	switch f.name {
	case "ED25519":
		return []string{ssh.KeyAlgoED25519}
	case "RSA":
		return []string{ssh.KeyAlgoRSA}
	case "ECDSA":
		switch f.bits {
		case "256":
			return []string{ssh.KeyAlgoECDSA256}
		case "384":
			return []string{ssh.KeyAlgoECDSA384}
		case "521":
			return []string{ssh.KeyAlgoECDSA521}
		}
		return []string{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}
	}
	return nil
}
