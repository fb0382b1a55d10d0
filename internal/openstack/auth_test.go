package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestTokenRequest(t *testing.T) {
	const scope = `"scope": {"project": {"name": "proj", "domain": {"id": "default"}}}`
	tests := []struct {
		name string
		auth Auth
		want string
	}{
		{"password", Auth{Type: AuthPassword, Username: "u", UserDomainName: "D", Password: "p", ProjectName: "proj", ProjectDomainID: "default"},
			`{"identity": {"methods": ["password"], "password": {"user": {"name": "u", "domain": {"name": "D"}, "password": "p"}}}, ` + scope + `}`},
		{"ids go before names", Auth{Type: AuthPassword, Username: "u", UserID: "uid", UserDomainName: "D", Password: "p", ProjectID: "pid", ProjectName: "proj", ProjectDomainID: "d"},
			`{"identity": {"methods": ["password"], "password": {"user": {"id": "uid", "password": "p"}}}, "scope": {"project": {"id": "pid"}}}`},
		{"token", Auth{Type: AuthToken, Username: "u", Token: "t", ProjectName: "proj", ProjectDomainID: "default"},
			`{"identity": {"methods": ["token"], "token": {"id": "t"}}, ` + scope + `}`},
		{"application credential by id", Auth{Type: AuthApplicationCredential, Username: "u", UserDomainID: "d", ApplicationCredentialID: "i", ApplicationCredentialName: "n", ApplicationCredentialSecret: "s", ProjectID: "pid"},
			`{"identity": {"methods": ["application_credential"], "application_credential": {"id": "i", "secret": "s"}}}`},
		{"application credential by name", Auth{Type: AuthApplicationCredential, Username: "u", UserDomainID: "d", ApplicationCredentialName: "n", ApplicationCredentialSecret: "s"},
			`{"identity": {"methods": ["application_credential"], "application_credential": {"name": "n", "secret": "s", "user": {"name": "u", "domain": {"id": "d"}}}}}`},
		{"TOTP", Auth{Type: AuthTOTP, UserID: "uid", Password: "unused", Passcode: "123456", ProjectID: "pid"},
			`{"identity": {"methods": ["totp"], "totp": {"user": {"id": "uid", "passcode": "123456"}}}, "scope": {"project": {"id": "pid"}}}`},
		{"password and TOTP", Auth{Type: AuthPasswordAndTOTP, UserID: "uid", Password: "p", Passcode: "123456"},
			`{"identity": {"methods": ["password", "totp"], "password": {"user": {"id": "uid", "password": "p"}}, "totp": {"user": {"id": "uid", "passcode": "123456"}}}}`},
		{"trust", Auth{Type: AuthPassword, UserID: "uid", Password: "p", TrustID: "tr", ProjectID: "pid"},
			`{"identity": {"methods": ["password"], "password": {"user": {"id": "uid", "password": "p"}}}, "scope": {"OS-TRUST:trust": {"id": "tr"}}}`},
		{"system", Auth{Type: AuthPassword, UserID: "uid", Password: "p", System: true},
			`{"identity": {"methods": ["password"], "password": {"user": {"id": "uid", "password": "p"}}}, "scope": {"system": {"all": true}}}`},
		{"domain", Auth{Type: AuthPassword, UserID: "uid", Password: "p", DomainName: "D"},
			`{"identity": {"methods": ["password"], "password": {"user": {"id": "uid", "password": "p"}}}, "scope": {"domain": {"name": "D"}}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			cloud := f.cloud()
			cloud.Auth = test.auth
			c, err := Connect(context.Background(), cloud, ClientOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var want any
			if err := json.Unmarshal([]byte(`{"auth": `+test.want+`}`), &want); err != nil {
				t.Fatal(err)
			}
			if len(f.logins) != 1 || c.Calls() != 1 || !reflect.DeepEqual(any(f.logins[0]), want) {
				t.Errorf("sent %v in %d calls, want %v", f.logins, c.Calls(), want)
			}
			if c.UserID() != "uid" || c.ProjectID() != "pid" || c.ProjectName() != "proj" {
				t.Errorf("got %q, %q, %q", c.UserID(), c.ProjectID(), c.ProjectName())
			}
		})
	}
}

func TestMissingSecret(t *testing.T) {
	f := newFake(t)
	tests := map[string]Auth{
		"password":                      {Type: AuthPassword, UserID: "u"},
		"passcode":                      {Type: AuthTOTP, UserID: "u"},
		"token":                         {Type: AuthToken},
		"application_credential_secret": {Type: AuthApplicationCredential, ApplicationCredentialID: "i"},
	}
	for name, auth := range tests {
		cloud := f.cloud()
		cloud.Auth = auth
		_, err := Connect(context.Background(), cloud, ClientOptions{})
		var missing *MissingSecretError
		if !errors.As(err, &missing) || missing.Name != name || missing.Cloud != "fake" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if f.tokens() != 0 {
		t.Error("keystone was asked without a secret")
	}
}

func TestPasswordIsAskedOnce(t *testing.T) {
	f := newFake(t)
	cloud := f.cloud()
	cloud.Auth.Password = ""
	asked := 0
	o := ClientOptions{CacheDir: t.TempDir(), Password: func(context.Context) (string, error) {
		asked++
		return rightPassword, nil
	}}
	c, err := Connect(context.Background(), cloud, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f.on("/compute/v2.1/servers/x", says(200, `{"server": {"id": "x"}}`))
	f.revoke()
	if _, err := c.Server(context.Background(), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(context.Background(), cloud, o); err != nil {
		t.Fatal(err)
	}
	if asked != 1 {
		t.Errorf("asked %d times: a renewal and a cached token need no second time", asked)
	}
	want := errors.New("no terminal")
	_, err = Connect(context.Background(), cloud, ClientOptions{Password: func(context.Context) (string, error) { return "", want }})
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedLogin(t *testing.T) {
	f := newFake(t)
	cloud := f.cloud()
	cloud.Auth.Password = "wrong"
	_, err := Connect(context.Background(), cloud, ClientOptions{})
	want := &AuthError{
		Cloud: "fake", AuthType: AuthPassword, Status: 401, RequestID: "req-1",
		Message: "The request you have made requires authentication.",
	}
	if !sameFacts(err, want) {
		t.Errorf("got %#v", err)
	}
	if f.tokens() != 1 {
		t.Errorf("%d requests: a refusal is not repeated", f.tokens())
	}
	const gone = "Could not find Application Credential: 5d00."
	f.on("/v3/auth/tokens", says(404, `{"error": {"message": "`+gone+`"}}`))
	deleted := f.cloud()
	deleted.Auth = Auth{Type: AuthApplicationCredential, ApplicationCredentialID: "5d00", ApplicationCredentialSecret: "x"}
	want = &AuthError{Cloud: "fake", AuthType: AuthApplicationCredential, Status: 404, Message: gone}
	if _, err := Connect(context.Background(), deleted, ClientOptions{}); !sameFacts(err, want) {
		t.Errorf("got %#v", err)
	}
	if _, err := Connect(context.Background(), f.cloud(), ClientOptions{}); !sameFacts(err, &APIError{Service: "identity", Status: 404, Message: gone}) {
		t.Errorf("got %#v", err)
	}
	f.on("/v3/auth/tokens", says(500, `{"error": {"message": "boom"}}`))
	if _, err := Connect(context.Background(), f.cloud(), ClientOptions{}); !sameFacts(err, &APIError{Service: "identity", Status: 500, Message: "boom"}) {
		t.Errorf("got %#v", err)
	}
}

func TestBadTokenAnswers(t *testing.T) {
	header := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Subject-Token", tokenMark)
			reply(w, 201, body)
		}
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"no header":    {says(201, `{"token": {"project": {"id": "p"}}}`), &BodyError{}},
		"no token":     {header(`{"x": 1}`), &BodyError{}},
		"odd catalog":  {header(`{"token": {"catalog": {"a": 1}}}`), &BodyError{}},
		"a list":       {header(`[]`), &BodyError{Start: "[]"}},
		"nothing":      {header(``), &BodyError{}},
		"cut off":      {header(`{"token": {`), &BodyError{}},
		"for nothing":  {header(`{"token": {"user": {"id": "u"}}}`), &UnscopedError{Cloud: "fake"}},
		"a login page": {header(`<html>`), &BodyError{Start: "<html>", Status: 201}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.on("/v3/auth/tokens", test.handler)
			_, err := Connect(context.Background(), f.cloud(), ClientOptions{})
			if !sameFacts(err, test.want) {
				t.Errorf("got %T %v, want %#v", err, err, test.want)
			}
		})
	}
}

func TestRenewalServesAll(t *testing.T) {
	f := newFake(t)
	f.on("/compute/v2.1/servers/x", says(200, `{"server": {"id": "x"}}`))
	c := f.connect(ClientOptions{CacheDir: t.TempDir()})
	f.revoke()
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			if _, err := c.Server(context.Background(), "x"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if f.tokens() != 2 {
		t.Errorf("%d token requests, want 2", f.tokens())
	}
}

func TestAccessRules(t *testing.T) {
	f := newFake(t)
	f.on("/compute/v2.1/servers/x", says(401, `{"error": {"message": "Unauthorized"}}`))
	c := f.connect(ClientOptions{})
	for range 5 {
		_, err := c.Server(context.Background(), "x")
		want := &TokenRefusedError{Service: "compute", Method: "GET", Path: "/compute/v2.1/servers/x", AuthType: AuthPassword}
		if !sameFacts(err, want) || !IsForbidden(err) {
			t.Errorf("got %#v", err)
		}
	}
	if f.tokens() != 2 {
		t.Errorf("%d token requests for 5 refused calls, want 2", f.tokens())
	}
}

func TestRenewalFails(t *testing.T) {
	f := newFake(t)
	f.on("/compute/v2.1/servers/x", says(200, `{"server": {"id": "x"}}`))
	c := f.connect(ClientOptions{})
	f.revoke()
	c.cloud.Auth.Password = "wrong"
	_, err := c.Server(context.Background(), "x")
	if !sameFacts(err, &AuthError{Status: 401}) {
		t.Errorf("got %T %v", err, err)
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	f := newFake(t)
	cloud := f.cloud()
	cloud.Auth.Token, cloud.Auth.Passcode, cloud.Auth.ApplicationCredentialSecret = "s1-hidden", "s2-hidden", "s3-hidden"
	inJSON, err := json.Marshal(cloud)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(cloud), fmt.Sprintf("%v %+v %#v %q %s %x", *cloud, cloud.Auth, cloud.Auth, cloud.Auth.Password, cloud.Auth.Token, cloud.Auth.Passcode), string(inJSON),
	} {
		if strings.Contains(text, rightPassword) || strings.Contains(text, "hidden") || strings.Contains(text, fmt.Sprintf("%x", "hidden")) {
			t.Errorf("a secret stands in %s", text)
		}
	}
}
