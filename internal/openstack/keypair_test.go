package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const keypairsPath = "/compute/v2.1/os-keypairs"

func TestCheckKeypairName(t *testing.T) {
	for name, good := range map[string]bool{
		"work": true, "a b_c-d": true, "me@laptop.example": true, "-x": true, "...": true,
		strings.Repeat("k", 255): true, strings.Repeat("k", 256): false,
		"": false, ".": false, "..": false, "../x": false, "a/b": false, " a": false, "a ": false, "é": false, "a\nb": false, "%2e": false,
	} {
		err := CheckKeypairName(name)
		var wrong *KeypairNameError
		if good != (err == nil) || err != nil && !errors.As(err, &wrong) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestImportKeypair(t *testing.T) {
	f := newFake(t)
	var versions, bodies []string
	f.on(keypairsPath, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		versions = append(versions, r.Header.Get("X-Openstack-Nova-Api-Version"))
		bodies = append(bodies, body["keypair"]["public_key"])
		reply(w, 201, `{"keypair": {"name": "`+body["keypair"]["name"]+`"}}`)
	})
	c := f.connect(ClientOptions{})
	for _, name := range []string{"work", "me@laptop.example"} {
		if k, err := c.ImportKeypair(context.Background(), name, "ssh-ed25519 AAAA"); err != nil || k.Name != name {
			t.Errorf("%q: %v, %v", name, k, err)
		}
	}
	if !slices.Equal(versions, []string{novaMicroversion, wideNames}) || bodies[0] != "ssh-ed25519 AAAA" {
		t.Errorf("versions %q, keys %q", versions, bodies)
	}
}

func TestCreateKeypairErrors(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"taken", 409, `{"conflictingRequest": {"code": 409, "message": "Key pair 'taken' already exists."}}`, &KeypairExistsError{Name: "taken"}},
		{"full", 403, `{"forbidden": {"code": 403, "message": "Quota exceeded, too many key pairs."}}`, &KeypairQuotaError{Name: "full"}},
		{"a.b", 406, `{"errors": [{"detail": "Version 2.92 is not supported by the API."}]}`, &KeypairNameError{Name: "a.b", Newer: wideNames}},
		{"no", 403, `{"forbidden": {"code": 403, "message": "Policy doesn't allow it."}}`, &APIError{Status: 403}},
		{"../x", 200, `{}`, &KeypairNameError{Name: "../x"}},
	}
	for _, test := range tests {
		f := newFake(t)
		f.on(keypairsPath, says(test.status, test.body))
		_, err := f.connect(ClientOptions{}).ImportKeypair(context.Background(), test.name, "ssh-ed25519 AAAA")
		var exists *KeypairExistsError
		var quota *KeypairQuotaError
		var name *KeypairNameError
		same := false
		switch want := test.want.(type) {
		case *KeypairExistsError:
			same = errors.As(err, &exists) && *exists == *want
		case *KeypairQuotaError:
			same = errors.As(err, &quota) && quota.Name == want.Name && IsForbidden(err)
		case *KeypairNameError:
			same = errors.As(err, &name) && *name == *want
		case *APIError:
			same = hasStatus(err, want.Status) && !errors.As(err, &quota)
		}
		if !same {
			t.Errorf("%q: got %T %v, want %T %v", test.name, err, err, test.want, test.want)
		}
	}
}

func TestGenerateKeypair(t *testing.T) {
	f := newFake(t)
	f.on(keypairsPath, says(200, `{"keypair": {"name": "k", "public_key": "ssh-rsa AAAA", "private_key": "PEM"}}`))
	c := f.connect(ClientOptions{})
	k, private, err := c.GenerateKeypair(context.Background(), "k")
	if err != nil || k.PublicKey != "ssh-rsa AAAA" || string(private) != "PEM" {
		t.Errorf("%v, %q, %v", k, private, err)
	}
	var name *KeypairNameError
	if _, _, err := c.GenerateKeypair(context.Background(), "a.b"); !errors.As(err, &name) || name.Newer != wideNames {
		t.Errorf("a name for 2.92, which makes no keys: %v", err)
	}
	f.on(keypairsPath, says(201, `{"keypair": {"name": "k"}}`))
	if _, _, err := c.GenerateKeypair(context.Background(), "k"); !errors.Is(err, errMissing) {
		t.Errorf("an answer without a private key: %v", err)
	}
}

func TestDeleteKeypair(t *testing.T) {
	f := newFake(t)
	f.on(keypairsPath+"/a%20b", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	c := f.connect(ClientOptions{})
	if err := c.DeleteKeypair(context.Background(), "a b"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteKeypair(context.Background(), "a/b"); !IsNotFound(err) {
		t.Error(err)
	}
	var name *KeypairNameError
	before := len(f.requests())
	for _, dots := range []string{"", ".", ".."} {
		if err := c.DeleteKeypair(context.Background(), dots); !errors.As(err, &name) {
			t.Errorf("%q: %v", dots, err)
		}
	}
	if sent := f.requests()[before:]; len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}
