package openstack

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// APIError is an answer that a service gave instead of what was asked for.
type APIError struct {
	Service   string // official service type, "identity" for keystone
	Method    string
	Path      string // without the query
	Status    int
	Message   string // the service's own words: one line, at most 500 bytes, no control characters
	RequestID string // x-openstack-request-id, for the operator

	retryAfter time.Duration // what the answer asked to wait; negative if it did not
}

func (e *APIError) Error() string {
	text := fmt.Sprintf("%s: %s %s: %d %s", e.Service, e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += fmt.Sprintf(": %q", e.Message)
	}
	if e.RequestID != "" {
		text += " (" + e.RequestID + ")"
	}
	return text
}

// IsNotFound tells whether a service answered 404.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsForbidden tells whether a service refused the call to this user: 403, or
// 401 for a fresh token, as an application credential's access rules have it.
func IsForbidden(err error) bool {
	var refused *TokenRefusedError
	return hasStatus(err, http.StatusForbidden) || errors.As(err, &refused)
}

func hasStatus(err error, status int) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == status
}

// AuthError means that keystone refused to give a token.
type AuthError struct {
	Cloud     string
	AuthType  AuthType
	Status    int
	Message   string
	RequestID string
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("cloud %q: authentication by %s refused with %d: %q", e.Cloud, e.AuthType, e.Status, e.Message)
}

// TokenRefusedError means that one service answers 401 to a token that
// keystone has only just given. An application credential with access rules
// does so for every call that its rules leave out
// (keystonemiddleware.auth_token).
type TokenRefusedError struct {
	Service  string
	Method   string
	Path     string
	AuthType AuthType
}

func (e *TokenRefusedError) Error() string {
	return fmt.Sprintf("%s: %s %s: 401 for a fresh token by %s", e.Service, e.Method, e.Path, e.AuthType)
}

// UnscopedError means that the token is for no project and brings no catalog.
type UnscopedError struct{ Cloud string }

func (e *UnscopedError) Error() string {
	return fmt.Sprintf("cloud %q: the token is for no project", e.Cloud)
}

// MissingSecretError means that the configuration lacks what authentication
// needs and nobody could be asked.
type MissingSecretError struct {
	Cloud string
	Name  string // key of clouds.yaml's auth: password, passcode, token, application_credential_secret
}

func (e *MissingSecretError) Error() string {
	return fmt.Sprintf("cloud %q: no %s", e.Cloud, e.Name)
}

// UnreachableError means that no answer came: name look-up, refused or dropped
// connection, TLS, timeout.
type UnreachableError struct {
	URL string // without query and user information
	Err error
}

func (e *UnreachableError) Error() string { return fmt.Sprintf("%s: %v", e.URL, e.Err) }
func (e *UnreachableError) Unwrap() error { return e.Err }

// ServiceMissingError means that the catalog has no such service for the
// region and interface. RegionUnknown tells that it has nothing at all there.
type ServiceMissingError struct {
	Service       string
	Region        string
	Interface     string
	Regions       []string // those that the catalog has, sorted
	RegionUnknown bool
}

func (e *ServiceMissingError) Error() string {
	if e.RegionUnknown {
		return fmt.Sprintf("no region %q in the catalog, which has %s", e.Region, quoted(e.Regions))
	}
	return fmt.Sprintf("no %s endpoint for %s in region %q in the catalog", e.Interface, e.Service, e.Region)
}

// BodyError means that an answer is not the JSON it should be: a proxy's page,
// a cut-off body, a field of another type.
type BodyError struct {
	URL         string // without query and user information
	Status      int
	ContentType string
	Start       string // the first bytes where they are not JSON; else ""
	Err         error  // what decoding said; nil where Start speaks
}

func (e *BodyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: status %d, type %q: %v", e.URL, e.Status, e.ContentType, e.Err)
	}
	return fmt.Sprintf("%s: status %d, type %q: not JSON: %q", e.URL, e.Status, e.ContentType, e.Start)
}

func (e *BodyError) Unwrap() error { return e.Err }

// TooLargeError means that an answer is longer than anything OpenStack sends.
type TooLargeError struct {
	URL   string // without query and user information
	Limit int64  // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: answer longer than %d bytes", e.URL, e.Limit)
}

// quoted lists peer strings for a message.
func quoted(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}
