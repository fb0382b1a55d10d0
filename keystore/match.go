package keystore

import (
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// maxDefaults is how many keys are tried where nothing is known: servers close
// after 6 tries (sshd_config, MaxAuthTries).
const maxDefaults = 5

// Match ranks the keys for one instance. It reads nothing.
func (x *Index) Match(w Wanted) Result {
	m := matching{index: x, wanted: w, how: map[int]How{}}
	m.byKey()
	m.byFile()
	if !w.tells() {
		m.byDefault()
	}
	return Result{Identities: m.identities(), Misses: m.misses(), Looked: x.Looked}
}

// matching is one Match under way.
type matching struct {
	index  *Index
	wanted Wanted
	how    map[int]How // by entry; the first reason is the best
}

func (m *matching) claim(i int, how How) {
	if _, taken := m.how[i]; !taken {
		m.how[i] = how
	}
}

// byKey takes the keys whose public half is a wanted one.
func (m *matching) byKey() {
	for _, digest := range m.wanted.SHA256 {
		if len(digest) == sha256.Size {
			m.claimAll(m.index.byHash[[sha256.Size]byte(digest)], ByFingerprint)
		}
	}
	for _, digest := range m.wanted.MD5 {
		if len(digest) == md5.Size {
			m.claimAll(m.index.byMD5[[md5.Size]byte(digest)], ByFingerprint)
		}
	}
	if m.wanted.Public != nil {
		m.claimAll(m.index.byHash[sha256.Sum256(m.wanted.Public.Marshal())], ByPublicKey)
	}
}

func (m *matching) claimAll(entries []int, how How) {
	for _, i := range entries {
		if file := m.index.entries[i].file; file != nil && file.PublicBeside {
			m.claim(i, ByPubFile)
		} else {
			m.claim(i, how)
		}
	}
}

// byFile takes the files that the user named and the ones named as the keypair.
func (m *matching) byFile() {
	for i, e := range m.index.entries {
		if e.explicit {
			m.claim(i, ByExplicit)
		}
	}
	for i, e := range m.index.entries {
		if e.file != nil && (e.file.Hidden() || !m.wanted.tells()) && namedAs(e.file.Path, m.wanted.Name) {
			m.claim(i, ByName)
		}
	}
}

// byDefault takes what ssh would try: the agent's keys and its default files.
func (m *matching) byDefault() {
	left := maxDefaults
	for _, ofAgent := range []bool{true, false} {
		for i, e := range m.index.entries {
			if left == 0 {
				return
			}
			if (e.agent != nil) != ofAgent || !ofAgent && !isDefaultFile(e.file.Path) {
				continue
			}
			if _, taken := m.how[i]; !taken {
				m.claim(i, ByDefault)
				left--
			}
		}
	}
}

// isDefaultFile goes by the names of ssh's own (ssh_config(5), IdentityFile).
func isDefaultFile(path string) bool {
	return strings.HasPrefix(filepath.Base(path), "id_") && filepath.Base(filepath.Dir(path)) == ".ssh"
}

func (m *matching) identities() []*Identity {
	var out []*Identity
	for i, e := range m.index.entries {
		how, taken := m.how[i]
		if !taken || e.file != nil && !e.file.usable() {
			continue
		}
		out = append(out, &Identity{
			File: e.file, Agent: e.agent, Public: e.public, How: how, Explicit: e.explicit,
			wanted: m.wanted, agent: m.index.agent, order: m.index.first(i),
		})
	}
	slices.SortStableFunc(out, compareIdentities)
	return out
}

// usable tells whether the file can sign: FIDO keys and unsupported types
// cannot, nor can a public key file.
func (f *File) usable() bool {
	if !f.HasPrivate() {
		return false
	}
	switch f.Type {
	case "", ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoED25519:
		return true
	}
	return false
}

// first gives the first entry that holds the same key.
func (x *Index) first(i int) int {
	if public := x.entries[i].public; public != nil {
		return x.byHash[sha256.Sum256(public.Marshal())][0]
	}
	return i
}

// compareIdentities puts the surer reason first, then what the user named, then
// what costs the user least. Keys that only the user's word speaks for keep the user's order.
func compareIdentities(a, b *Identity) int {
	byOrder := 0
	if a.How == ByExplicit {
		byOrder = cmp.Compare(a.order, b.order)
	}
	return cmp.Or(
		cmp.Compare(a.sureness(), b.sureness()),
		cmp.Compare(btoi(b.Explicit), btoi(a.Explicit)),
		byOrder,
		cmp.Compare(a.trouble(), b.trouble()),
	)
}

// sureness holds a key told by its .pub as sure as one told by itself.
func (id *Identity) sureness() How {
	if id.How == ByPubFile {
		return ByPublicKey
	}
	return id.How
}

// trouble: a file as it is, the agent (it may ask), a passphrase, a chmod.
func (id *Identity) trouble() int {
	switch {
	case id.Agent != nil:
		return 1
	case id.File.Unprotected && id.File.Encrypted:
		return 4
	case id.File.Unprotected:
		return 3
	case id.File.Encrypted:
		return 2
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// misses are the files for the error text: a right public half alone, a name
// that promises, a hidden half, a file that could not be read.
func (m *matching) misses() []Miss {
	out := slices.Clone(m.index.unread)
	for i, e := range m.index.entries {
		if e.file == nil {
			continue
		}
		_, taken := m.how[i]
		miss := Miss{Path: e.file.Path, File: e.file}
		switch {
		case taken && !e.file.HasPrivate():
			if m.held(e.public) {
				continue
			}
			miss.Why = PublicOnly
		case taken && !e.file.usable():
			if m.held(e.public) {
				continue
			}
			miss.Why, miss.Err = Unusable, locate(errKeyType(e.file.Type), e.file.Path)
		case !taken && e.file.HasPrivate() && e.file.Hidden():
			miss.Why = HiddenHalf
		case !taken && e.file.HasPrivate() && namedAs(e.file.Path, m.wanted.Name):
			miss.Why = Other
		default:
			continue
		}
		out = append(out, miss)
	}
	return out
}

// held tells whether a usable identity has this public half.
func (m *matching) held(public ssh.PublicKey) bool {
	for _, i := range m.index.byHash[sha256.Sum256(public.Marshal())] {
		if e := m.index.entries[i]; e.agent != nil || e.file.usable() {
			return true
		}
	}
	return false
}

// namedAs tells whether a file bears a keypair's name: NAME, NAME.pem, "NAME
// (1).pem". Dashboards and browsers change signs in it, so letters and
// digits are compared only.
func namedAs(path, name string) bool {
	base := filepath.Base(path)
	if isKeyName(base) && !strings.HasPrefix(base, "id_") {
		base = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if open := strings.LastIndexByte(base, '('); open > 0 && strings.HasSuffix(base, ")") {
		base = base[:open]
	}
	wanted := letters(name)
	return wanted != "" && letters(base) == wanted
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
