package demo

import (
	"crypto/subtle"
	"maps"
	"net/http"
	"slices"
	"time"
)

const (
	region      = "RegionOne"
	otherRegion = "RegionTwo" // the other cloud, where a fault joins it
	passcode    = "123456"
	tokenAge    = time.Hour
)

// identity is what keystone knows: one user in one project.
type identity struct {
	password             string
	userID, projectID    string
	roleID, readerID     string
	credentialID, secret string // of the application credential
	made                 time.Time
	tokens               map[string]*token
}

type token struct {
	methods    []string
	issued     time.Time
	unscoped   bool
	credential bool // made with the application credential
	auditID    string
}

// valid may be called on nil.
func (t *token) valid() bool { return t != nil && time.Since(t.issued) < tokenAge }

func newIdentity() identity {
	return identity{
		made: time.Now(), password: hexID(), userID: hexID(), projectID: hexID(), roleID: hexID(), readerID: hexID(),
		credentialID: hexID(), secret: hexID(), tokens: map[string]*token{},
	}
}

func (c *Cloud) keystoneRoutes() []route {
	return []route{
		{"GET /identity/{$}", true, func(*request) reply {
			return reply{status: http.StatusMultipleChoices, header: map[string]string{"Location": c.base + "/identity/v3/"},
				body: object{"versions": object{"values": []object{c.identityVersion()}}}}
		}},
		{"GET /identity/v3/{$}", true, c.showIdentityVersion},
		{"POST /identity/v3/auth/tokens", true, c.authenticate},
		{"GET /identity/v3/auth/tokens", false, func(r *request) reply {
			t := c.identity.tokens[r.Header.Get("X-Subject-Token")]
			if !t.valid() {
				return failure("keystone", http.StatusNotFound, "Failed to validate token")
			}
			return reply{status: http.StatusOK, body: c.describe(t, true), header: map[string]string{
				"X-Subject-Token": r.Header.Get("X-Subject-Token")}}
		}},
		{"DELETE /identity/v3/auth/tokens", false, func(r *request) reply {
			delete(c.identity.tokens, r.Header.Get("X-Subject-Token"))
			return reply{status: http.StatusNoContent}
		}},
		{"GET /identity/v3/auth/catalog", false, func(*request) reply {
			return reply{status: http.StatusOK, body: object{"catalog": c.catalog()}}
		}},
		{"GET /identity/v3/auth/projects", false, func(*request) reply {
			projects := []object{c.project()}
			if c.sharesWithOther("project") {
				projects = append(projects, c.other.project())
			}
			return reply{status: http.StatusOK, body: object{"projects": projects}}
		}},
		{"GET /identity/v3/projects/{id}", false, func(r *request) reply {
			if r.PathValue("id") != c.identity.projectID {
				return failure("keystone", http.StatusNotFound, "Could not find project: "+r.PathValue("id")+".")
			}
			return reply{status: http.StatusOK, body: object{"project": c.project()}}
		}},
	}
}

func (c *Cloud) showIdentityVersion(*request) reply {
	return reply{status: http.StatusOK, body: object{"version": c.identityVersion()}}
}

func (c *Cloud) identityVersion() object {
	return object{
		"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
		"links":       []object{{"rel": "self", "href": c.base + "/identity/v3/"}},
		"media-types": []object{{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
	}
}

// named is how keystone's requests name a domain, user or project.
type named struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Domain   *named `json:"domain"`
	Password string `json:"password"`
	Passcode string `json:"passcode"`
}

func (n *named) isDefaultDomain() bool { return n != nil && (n.ID == "default" || n.Name == "Default") }

// isUser says whether that is the cloud's user.
func (c *Cloud) isUser(n *named) bool {
	return n.ID == c.identity.userID || n.ID == "" && n.Name == c.name && n.Domain.isDefaultDomain()
}

type authRequest struct {
	Auth *struct {
		Identity *struct {
			Methods  []string `json:"methods"`
			Password struct {
				User named `json:"user"`
			} `json:"password"`
			TOTP struct {
				User named `json:"user"`
			} `json:"totp"`
			Token struct {
				ID string `json:"id"`
			} `json:"token"`
			ApplicationCredential struct {
				ID     string `json:"id"`
				Name   string `json:"name"`
				User   named  `json:"user"`
				Secret string `json:"secret"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope any `json:"scope"` // "unscoped" or an object
	} `json:"auth"`
}

func (c *Cloud) authenticate(r *request) reply {
	var q authRequest
	switch err := r.decode(&q); {
	case err != nil:
		return malformed("valid JSON")
	case q.Auth == nil:
		return malformed("auth")
	case q.Auth.Identity == nil:
		return malformed("identity")
	}
	t := &token{methods: q.Auth.Identity.Methods, issued: time.Now(), auditID: hexID()[:22]}
	ok := len(t.methods) > 0
	for _, method := range t.methods {
		ok = ok && c.proves(&q, method, t)
	}
	home := c.homeOf(q.Auth.Scope)
	scope, refused := home.scope(q.Auth.Scope)
	switch {
	case !ok:
		return c.unauthorized()
	case refused != "":
		return failure("keystone", http.StatusUnauthorized, refused)
	}
	t.unscoped = !scope
	id := "gAAAAAB" + hexID() + hexID() + hexID()
	maps.DeleteFunc(c.identity.tokens, func(_ string, old *token) bool { return !old.valid() })
	c.identity.tokens[id] = t
	if home != c || c.sharesWithOther("region") {
		c.other.trust(id, t)
	}
	return reply{
		status: http.StatusCreated,
		body:   home.describe(t, !r.URL.Query().Has("nocatalog")),
		header: map[string]string{"X-Subject-Token": id, "Vary": "X-Auth-Token"},
	}
}

// sharesWithOther says whether a fault joins this keystone's projects or regions
// with the other cloud's.
func (c *Cloud) sharesWithOther(what string) bool {
	return c.other != nil && slices.ContainsFunc(c.faults, func(f *Fault) bool { return f.Joined == what })
}

// homeOf is the cloud whose project a token is asked for.
func (c *Cloud) homeOf(scope any) *Cloud {
	o, _ := scope.(object)
	project, _ := o["project"].(object)
	if c.sharesWithOther("project") && (project["id"] == c.other.identity.projectID || project["name"] == c.other.name) {
		return c.other
	}
	return c
}

// trust takes a token that another keystone has given.
func (c *Cloud) trust(id string, t *token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity.tokens[id] = t
}

func malformed(missing string) reply {
	return failure("keystone", http.StatusBadRequest, "Expecting to find "+missing+" in request body. The server could not comply "+
		"with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
}

// proves says whether one method's evidence holds, and notes in t what it gives.
func (c *Cloud) proves(q *authRequest, method string, t *token) bool {
	id := q.Auth.Identity
	switch method {
	case "password":
		return c.isUser(&id.Password.User) && same(id.Password.User.Password, c.identity.password)
	case "totp":
		return c.isUser(&id.TOTP.User) && same(id.TOTP.User.Passcode, passcode)
	case "token":
		return c.identity.tokens[id.Token.ID].valid()
	case "application_credential":
		a := id.ApplicationCredential
		t.credential = true
		return same(a.Secret, c.identity.secret) &&
			(a.ID == c.identity.credentialID || a.ID == "" && a.Name == c.name+"-appcred" && c.isUser(&a.User))
	}
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// scope says whether a token is scoped to the project, or why it cannot be.
func (c *Cloud) scope(v any) (project bool, refused string) {
	o, ok := v.(object)
	if !ok {
		// without a scope keystone takes the user's default project; one of several is none
		return v != "unscoped" && !c.sharesWithOther("project"), ""
	}
	p, ok := o["project"].(object)
	if !ok {
		return false, "User " + c.identity.userID + " has no access to the requested scope"
	}
	id, _ := p["id"].(string)
	name, _ := p["name"].(string)
	if id == c.identity.projectID || id == "" && name == c.name {
		return true, ""
	}
	return false, "The request you have made requires authentication."
}

// unauthorized is keystone's 401, which its middleware gives for all services.
func (c *Cloud) unauthorized() reply {
	a := failure("keystone", http.StatusUnauthorized, "The request you have made requires authentication.")
	a.header = map[string]string{"WWW-Authenticate": `Keystone uri="` + c.base + `/identity/v3"`}
	return a
}

func (c *Cloud) project() object {
	return object{
		"id": c.identity.projectID, "name": c.name, "domain_id": "default", "enabled": true, "is_domain": false,
		"parent_id": "default", "description": "", "tags": []string{}, "options": object{}, "links": object{},
	}
}

func (c *Cloud) describe(t *token, catalog bool) object {
	domain := object{"id": "default", "name": "Default"}
	stamp := func(at time.Time) string { return micros(at) + "Z" }
	o := object{
		"methods": t.methods, "issued_at": stamp(t.issued), "expires_at": stamp(t.issued.Add(tokenAge)),
		"audit_ids": []string{t.auditID},
		"user":      object{"id": c.identity.userID, "name": c.name, "domain": domain, "password_expires_at": nil},
	}
	if !t.unscoped {
		o["project"] = object{"id": c.identity.projectID, "name": c.name, "domain": domain}
		o["is_domain"] = false
		o["roles"] = []object{{"id": c.identity.roleID, "name": "member"}, {"id": c.identity.readerID, "name": "reader"}}
		if catalog {
			o["catalog"] = c.catalog()
		}
	}
	if t.credential {
		o["application_credential"] = object{"id": c.identity.credentialID, "name": c.name + "-appcred", "restricted": true}
	}
	return object{"token": o}
}

// catalog leaves out the services that a fault hides.
func (c *Cloud) catalog() []object {
	services := []object{}
	for _, s := range []struct{ kind, name, path string }{
		{"identity", "keystone", "/identity/v3"},
		{"compute", "nova", "/compute/v2.1"},
		{"network", "neutron", "/networking"},
		{"image", "glance", "/image"},
		{"block-storage", "cinder", "/volume/v3/" + c.identity.projectID},
	} {
		if c.hidden(s.name) {
			continue
		}
		endpoints := []object{}
		for _, face := range []string{"public", "internal", "admin"} {
			endpoints = append(endpoints, object{
				"id": hexID(), "interface": face, "url": c.base + s.path, "region": region, "region_id": region})
			if c.sharesWithOther("region") {
				endpoints = append(endpoints, object{"id": hexID(), "interface": face, "url": c.other.base + s.path,
					"region": otherRegion, "region_id": otherRegion})
			}
		}
		services = append(services, object{"id": hexID(), "type": s.kind, "name": s.name, "endpoints": endpoints})
	}
	return services
}
