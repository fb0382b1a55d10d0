package openstack

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// secrets keeps what was asked for, so that a renewal need not ask again.
type secrets struct {
	mu       sync.Mutex
	password string
}

// authenticate gets a token by one request to keystone.
func (c *Client) authenticate(ctx context.Context) (*session, error) {
	options, err := c.tokenRequest(ctx)
	if err != nil {
		return nil, err
	}
	endpoint := versioned(identity, c.cloud.AuthURL, "")
	keystone := &gophercloud.ServiceClient{ProviderClient: c.provider, Endpoint: endpoint}
	var fresh *session
	err = c.attempt(ctx, call{service: identity, method: http.MethodPost, url: endpoint + "auth/tokens", repeat: true},
		func(ctx context.Context) error {
			result := tokens.Create(ctx, keystone, options)
			if result.Err != nil {
				return result.Err
			}
			fresh, err = sessionFrom(result)
			return err
		})
	if err != nil {
		return nil, c.refusal(err)
	}
	if fresh.ProjectID == "" && len(fresh.Catalog) == 0 {
		return nil, &UnscopedError{Cloud: c.cloud.Name}
	}
	return fresh, nil
}

// refusal tells keystone's "no" from its other troubles.
func (c *Client) refusal(err error) error {
	var api *APIError
	if !errors.As(err, &api) {
		return err
	}
	switch {
	case api.Status == http.StatusBadRequest, api.Status == http.StatusUnauthorized, api.Status == http.StatusForbidden:
	case api.Status == http.StatusNotFound && c.cloud.Auth.Type == AuthApplicationCredential && api.Message != "":
		// so keystone answers for one that was deleted (ApplicationCredentialNotFound)
	default:
		return err
	}
	return &AuthError{
		Cloud:     c.cloud.Name,
		AuthType:  c.cloud.Auth.Type,
		Status:    api.Status,
		Message:   api.Message,
		RequestID: api.RequestID,
	}
}

func sessionFrom(result tokens.CreateResult) (*session, error) {
	var body struct {
		Expires time.Time                 `json:"expires_at"`
		User    struct{ ID string }       `json:"user"`
		Project struct{ ID, Name string } `json:"project"`
		Catalog catalog                   `json:"catalog"`
	}
	if err := result.ExtractInto(&body); err != nil {
		return nil, err
	}
	id, err := result.ExtractTokenID()
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, errors.New("no X-Subject-Token in the answer")
	}
	return &session{
		Token:       id,
		Expires:     body.Expires,
		UserID:      body.User.ID,
		ProjectID:   body.Project.ID,
		ProjectName: body.Project.Name,
		Catalog:     body.Catalog,
	}, nil
}

// tokenRequest says the configuration in keystone's terms and asks for what it lacks.
func (c *Client) tokenRequest(ctx context.Context) (*tokens.AuthOptions, error) {
	a := c.cloud.Auth
	o := &tokens.AuthOptions{Scope: a.scope()}
	switch a.Type {
	case AuthToken:
		if a.Token == "" {
			return nil, c.missing("token")
		}
		o.TokenID = string(a.Token)
		return o, nil
	case AuthApplicationCredential:
		if a.ApplicationCredentialSecret == "" {
			return nil, c.missing("application_credential_secret")
		}
		// keystone refuses a scope beside an application credential.
		o.Scope = tokens.Scope{}
		o.ApplicationCredentialID = a.ApplicationCredentialID
		o.ApplicationCredentialSecret = string(a.ApplicationCredentialSecret)
		if a.ApplicationCredentialID == "" {
			o.ApplicationCredentialName = a.ApplicationCredentialName
			a.setUser(o)
		}
		return o, nil
	}
	a.setUser(o)
	var err error
	if a.Type != AuthTOTP {
		if o.Password, err = c.password(ctx); err != nil {
			return nil, err
		}
	}
	if a.Type != AuthPassword {
		if o.Passcode, err = c.passcode(ctx); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// setUser names the user; an id goes before a name, as in keystoneauth.
func (a Auth) setUser(o *tokens.AuthOptions) {
	switch {
	case a.UserID != "":
		o.UserID = a.UserID
	case a.UserDomainID != "":
		o.Username, o.DomainID = a.Username, a.UserDomainID
	default:
		o.Username, o.DomainName = a.Username, a.UserDomainName
	}
}

func (a Auth) scope() tokens.Scope {
	switch {
	case a.TrustID != "":
		return tokens.Scope{TrustID: a.TrustID}
	case a.System:
		return tokens.Scope{System: true}
	case a.ProjectID != "":
		return tokens.Scope{ProjectID: a.ProjectID}
	case a.ProjectName != "" && a.ProjectDomainID != "":
		return tokens.Scope{ProjectName: a.ProjectName, DomainID: a.ProjectDomainID}
	case a.ProjectName != "":
		return tokens.Scope{ProjectName: a.ProjectName, DomainName: a.ProjectDomainName}
	case a.DomainID != "":
		return tokens.Scope{DomainID: a.DomainID}
	}
	return tokens.Scope{DomainName: a.DomainName}
}

func (c *Client) missing(name string) error {
	return &MissingSecretError{Cloud: c.cloud.Name, Name: name}
}

func (c *Client) password(ctx context.Context) (string, error) {
	if p := c.cloud.Auth.Password; p != "" {
		return string(p), nil
	}
	c.secrets.mu.Lock()
	defer c.secrets.mu.Unlock()
	if c.secrets.password != "" {
		return c.secrets.password, nil
	}
	asked, err := c.ask(ctx, c.options.Password, "password")
	c.secrets.password = asked
	return asked, err
}

// passcode is asked anew each time: it is good for one request.
func (c *Client) passcode(ctx context.Context) (string, error) {
	if p := c.cloud.Auth.Passcode; p != "" {
		return string(p), nil
	}
	return c.ask(ctx, c.options.Passcode, "passcode")
}

func (c *Client) ask(ctx context.Context, callback func(context.Context) (string, error), name string) (string, error) {
	if callback == nil {
		return "", c.missing(name)
	}
	answer, err := callback(ctx)
	if err != nil {
		return "", err
	}
	if answer == "" {
		return "", c.missing(name)
	}
	return answer, nil
}
