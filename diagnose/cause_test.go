package diagnose

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

// parts are the letters of the catalogue's ids, and how many causes each has.
var parts = []struct {
	letter string
	causes int
}{
	{"L", 15}, {"C", 8}, {"S", 13}, {"A", 9}, {"P", 15}, {"G", 10}, {"T", 8}, {"H", 5}, {"U", 17}, {"O", 10}, {"X", 6},
}

func TestCatalogueIsWhole(t *testing.T) {
	var want, got []string
	for _, part := range parts {
		for n := range part.causes {
			want = append(want, fmt.Sprintf("%s%d", part.letter, n+1))
		}
	}
	form, slugs := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), map[string]string{}
	for _, c := range Catalogue() {
		got = append(got, c.ID)
		if !form.MatchString(c.Slug) || len(c.Slug) > 32 {
			t.Errorf("%s: slug %q", c.ID, c.Slug)
		}
		if other, taken := slugs[c.Slug]; taken {
			t.Errorf("%s and %s are both %s", other, c.ID, c.Slug)
		}
		slugs[c.Slug] = c.ID
		for _, text := range []string{c.Title, c.Shows, c.Told, c.Mends} {
			if text == "" || regexp.MustCompile(`[\n|]|^\s|[\s.]$`).MatchString(text) {
				t.Errorf("%s: text %q", c.ID, text)
			}
		}
		if c.Find == nil || c.Layer < Local || c.Layer > Session {
			t.Errorf("%s is not complete: %+v", c.ID, c)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(got) != 116 || !slices.Equal(got, want) {
		t.Errorf("%d causes: %v", len(got), got)
	}
}

func TestNothingIsFoundInNothing(t *testing.T) {
	for _, cause := range Catalogue() {
		if found := cause.Find(&Facts{}); found != nil {
			t.Errorf("%s: %+v", cause.ID, found)
		}
	}
	if d := Explain(&Facts{}); d.Outcome != Undecided {
		t.Errorf("%+v", d)
	}
}

// Facts may lack anything. No cause may fall over it, and what is found says
// what and how it is mended.
func FuzzExplain(f *testing.F) {
	public, err := ssh.ParsePublicKey(fixedKey)
	if err != nil {
		f.Fatal(err)
	}
	for seed := range 40 {
		f.Add([]byte{byte(seed), byte(seed * 7), byte(seed * 31), byte(seed * 101), byte(seed >> 1), byte(seed * 13)})
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		m := mangler{choices: choices, key: public}
		facts := whole(public, variants[m.next()%len(variants)])
		m.mangle(reflect.ValueOf(facts).Elem(), 0)
		d := Explain(facts)
		if d.Outcome == Healthy && (d.Login == nil || len(d.Causes) > 0) || d.Outcome == Broken && len(d.Causes) == 0 {
			t.Errorf("%+v", d)
		}
		for _, found := range slices.Concat(d.Causes, d.Later) {
			if found.What == "" || found.Fix.Command == "" && found.Fix.Words == "" || found.Cause.ID == "" {
				t.Errorf("%+v", found)
			}
		}
	})
}

// variants are where the fuzzer begins: most causes lie near one of them.
var variants = []func(*Facts){
	func(*Facts) {}, silence, refusedTCP, noBanner, noGroup, wrongPrefix, keyGone, is("SHUTOFF"), is("RESCUE"), noGateway,
	func(f *Facts) { f.Probes[0].Logins[0] = LoginProbe{User: "ubuntu", Err: &connect.AuthError{}} },
	func(f *Facts) { f.Probes = nil },
}

// fixedKey is an Ed25519 key, so that a failure can be played again.
var fixedKey = append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), make([]byte, 32)...)

// mangler takes from facts, and adds to them, what its choices say.
type mangler struct {
	choices []byte
	at      int
	key     ssh.PublicKey
}

func (m *mangler) next() int {
	if len(m.choices) == 0 {
		return 0
	}
	m.at++
	return int(m.choices[m.at%len(m.choices)]) + m.at/len(m.choices)
}

func (m *mangler) mangle(v reflect.Value, depth int) {
	if depth > 8 || !v.CanSet() {
		return
	}
	roll := m.next() % 8
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			m.mangle(field, depth+1)
		}
		if attempt, ok := v.Addr().Interface().(*connect.Attempt); ok && attempt.Err == nil {
			attempt.Err = io.EOF // every failure has its reason
		}
	case reflect.Pointer:
		switch {
		case roll == 0:
			v.SetZero()
		case roll == 1 && v.IsNil():
			v.Set(reflect.New(v.Type().Elem()))
		}
		if !v.IsNil() {
			m.mangle(v.Elem(), depth+1)
		}
	case reflect.Slice:
		switch {
		case roll == 0:
			v.SetZero()
		case roll == 1 && v.Len() < 3:
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		for i := range v.Len() {
			m.mangle(v.Index(i), depth+1)
		}
	case reflect.Map:
		if roll == 0 {
			v.SetZero()
		}
	case reflect.Interface:
		m.replace(v, roll)
	case reflect.Bool:
		v.SetBool(v.Bool() != (roll == 0))
	case reflect.String:
		if roll == 0 {
			v.SetString("")
		}
	case reflect.Int:
		if roll == 0 && v.Type() != reflect.TypeFor[Layer]() {
			v.SetInt(0)
		}
	}
}

// replace puts another error, or another key, in place of one.
func (m *mangler) replace(v reflect.Value, roll int) {
	errs := []error{
		&connect.AuthError{}, &connect.AuthError{Methods: []string{"password"}}, &connect.HostKeyError{Key: m.key, Err: &reach.HostKeyRefusedError{Key: m.key}},
		&connect.BannerError{}, &connect.TimeoutError{Stage: connect.StageKeyExchange}, &connect.ForwardError{Prohibited: true}, &connect.LostError{Err: syscall.EPIPE},
		&keystore.UnprotectedError{}, &keystore.PassphraseMissingError{}, &keystore.MismatchError{Have: m.key},
		&openstack.APIError{Status: 404}, &openstack.APIError{Status: 503}, &openstack.TokenRefusedError{}, &openstack.ServiceMissingError{Service: "network"},
		&openstack.UnreachableError{Err: syscall.ENETUNREACH}, &openstack.UnknownCloudError{}, &openstack.AuthError{},
		&resolve.NotFoundError{}, &resolve.AmbiguousError{Servers: make([]openstack.Server, 2)}, &reach.NoAddressError{}, &reach.NoJumpError{}, &reach.HopError{Err: syscall.ECONNREFUSED},
		&reach.NoKeyError{}, &reach.JumpLoopError{}, &StrangerError{}, syscall.EHOSTUNREACH, syscall.ECONNRESET, resolve.ErrNoKeypair,
	}
	switch {
	case roll == 0:
		v.SetZero()
	case roll == 1 && v.Type() == reflect.TypeFor[error]():
		v.Set(reflect.ValueOf(errs[m.next()%len(errs)]))
	case roll == 1 && v.Type() == reflect.TypeFor[ssh.PublicKey]():
		v.Set(reflect.ValueOf(m.key))
	}
}
