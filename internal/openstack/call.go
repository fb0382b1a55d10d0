package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// callTimeout bounds one call with all its retries, unless ClientOptions says
// otherwise.
const callTimeout = 30 * time.Second

// request is one call to a service of the catalog.
type request struct {
	service service
	method  string // "" is GET
	path    string // under the service's endpoint, escaped
	url     string // instead of endpoint and path: a version document
	query   url.Values
	body    any
	repeat  bool          // a POST that changes nothing, so may be sent again
	timeout time.Duration // 0 is the client's

	microversion string // of nova; "" is the usual one
}

// answer is the part of a JSON answer that is wanted.
type answer struct {
	key  string // of the outermost object; "" for the whole
	into any    // what it is decoded into
	more bool   // set where the listing has another page
}

// do sends a request and decodes its answer; nil wants none of it. A refused
// token is renewed once.
func (c *Client) do(ctx context.Context, r request, out *answer) error {
	now := c.current()
	err := c.send(ctx, now, r, out)
	if !hasStatus(err, http.StatusUnauthorized) {
		return err
	}
	fresh, renewed := c.renew(ctx, now.Token)
	if renewed != nil && !errors.Is(renewed, errTokenFresh) {
		return renewed
	}
	if renewed == nil {
		err = c.send(ctx, fresh, r, out)
	}
	if hasStatus(err, http.StatusUnauthorized) {
		return c.tokenRefused(err)
	}
	return err
}

func (c *Client) tokenRefused(err error) error {
	var api *APIError
	errors.As(err, &api)
	return &TokenRefusedError{
		Service: api.Service, Method: api.Method, Path: api.Path,
		AuthType: c.cloud.Auth.Type,
	}
}

// send is one call with its retries, under one token.
func (c *Client) send(ctx context.Context, s *session, r request, out *answer) error {
	target, err := c.target(s, r)
	if err != nil {
		return err
	}
	client := &gophercloud.ServiceClient{ProviderClient: c.provider, Type: string(r.service)}
	if r.service == compute && r.url == "" {
		client.Microversion = firstOf(r.microversion, c.microversion(s))
	}
	method := firstOf(r.method, http.MethodGet)
	k := call{
		service: r.service, method: method, url: target, timeout: r.timeout,
		repeat: r.repeat || method == http.MethodGet,
	}
	return c.attempt(ctx, k, func(ctx context.Context) error {
		options := gophercloud.RequestOpts{
			JSONBody:         r.body,
			KeepResponseBody: true,
			OkCodes: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNonAuthoritativeInfo,
				http.StatusNoContent, http.StatusMultipleChoices},
			MoreHeaders: map[string]string{"X-Auth-Token": s.Token},
		}
		response, err := client.Request(ctx, method, target, &options)
		if err != nil {
			return err
		}
		return decode(response, out)
	})
}

// target is the URL of a request for a session.
func (c *Client) target(s *session, r request) (string, error) {
	if r.url != "" {
		return r.url, nil
	}
	base, err := c.cloud.endpoint(r.service, s)
	if r.service == network {
		base, err = c.networkBase(s)
	}
	if err != nil {
		return "", err
	}
	if len(r.query) == 0 {
		return base + r.path, nil
	}
	return base + r.path + "?" + r.query.Encode(), nil
}

// errMissing is inside a *BodyError: the JSON lacks its point.
var errMissing = errors.New("the answer lacks what was asked for")

// decode reads a whole response, so that its connection can serve the next call.
func decode(response *http.Response, out *answer) error {
	defer response.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, response.Body)
		return err
	}
	var object json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&object); err != nil {
		return badBody(response, err)
	}
	if err := out.decode(object); err != nil {
		return badBody(response, err)
	}
	_, err := io.Copy(io.Discard, response.Body)
	return err
}

// decode finds the wanted part. An empty list is one; null and absence are not.
func (a *answer) decode(object json.RawMessage) error {
	if a.key == "" {
		return json.Unmarshal(object, a.into)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return err
	}
	if raw := fields[a.key]; len(raw) == 0 || string(raw) == "null" {
		return errMissing
	}
	// Only the presence of a link to the next page counts: behind a proxy its
	// address often leads nowhere, and a token must not follow it to another host.
	var links []struct {
		Rel string `json:"rel"`
	}
	if raw, ok := fields[a.key+"_links"]; ok {
		if err := json.Unmarshal(raw, &links); err != nil {
			return err
		}
	}
	a.more = false
	for _, link := range links {
		a.more = a.more || link.Rel == "next"
	}
	return json.Unmarshal(fields[a.key], a.into)
}

// badBody tells a body that broke off from one that is not what it should be.
func badBody(response *http.Response, err error) error {
	var unreachable *UnreachableError
	var large *TooLargeError
	if errors.As(err, &unreachable) || errors.As(err, &large) {
		return err
	}
	return &BodyError{
		URL:         withoutQuery(response.Request.URL.String()),
		Status:      response.StatusCode,
		ContentType: response.Header.Get("Content-Type"),
		Err:         err,
	}
}

// call is one request as the retries see it.
type call struct {
	service service
	method  string
	url     string
	repeat  bool
	timeout time.Duration // 0 is the client's
}

// attempt runs one call until it succeeds, fails for good or its time is up.
func (c *Client) attempt(ctx context.Context, k call, send func(context.Context) error) error {
	timeout := k.timeout
	if timeout == 0 {
		timeout = c.options.Timeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for retry := 0; ; retry++ {
		err := translate(send(limited), k)
		if unreachable, ok := errors.AsType[*UnreachableError](err); ok && limited.Err() != nil {
			unreachable.Err = limited.Err() // net/http may tell of a closed connection
		}
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil || !k.repeat || retry == maxRetries {
			return err
		}
		pause, ok := retryPause(err, retry)
		if !ok || !sleep(limited, pause) {
			return err
		}
	}
}

// translate says what went wrong in this package's types.
func translate(err error, k call) error {
	if err == nil {
		return nil
	}
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) {
		return apiError(k, code)
	}
	var (
		body        *BodyError
		large       *TooLargeError
		unreachable *UnreachableError
	)
	switch {
	case errors.As(err, &body):
		return body
	case errors.As(err, &large):
		return large
	case errors.As(err, &unreachable):
		return unreachable
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		return &UnreachableError{URL: withoutQuery(k.url), Err: transport.Err}
	}
	return &BodyError{URL: withoutQuery(k.url), Status: http.StatusOK, Err: err}
}
