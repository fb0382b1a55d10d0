package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"osssh/internal/openstack"
)

// boot makes a server like "direct", but with another keypair, by the APIs:
//
//	boot NAME KEYPAIR [KEY=VALUE...]
//
// The values are the server's metadata: demo_task and demo_boot say how long
// nova and the guest take (see internal/demo).
func boot(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: boot NAME KEYPAIR [KEY=VALUE...]")
	}
	metadata := map[string]string{}
	for _, word := range args[2:] {
		key, value, _ := strings.Cut(word, "=")
		metadata[key] = value
	}
	a := signedIn(ts)
	var servers struct {
		Servers []struct {
			Image  struct{ ID string }
			Flavor struct{ ID string }
		}
	}
	a.call("GET", a.compute+"/servers/detail?name=^direct$", nil, &servers)
	var networks struct{ Networks []struct{ ID string } }
	a.call("GET", a.network+"/v2.0/networks?name=provider", nil, &networks)
	like := servers.Servers[0]
	a.call("POST", a.compute+"/servers", object{"server": object{
		"name": args[0], "key_name": args[1], "imageRef": like.Image.ID, "flavorRef": like.Flavor.ID,
		"metadata":        metadata,
		"networks":        []object{{"uuid": networks.Networks[0].ID}},
		"security_groups": []object{{"name": "ssh-open"}},
	}}, nil)
}

// doAct has nova do something with a server: an action by its name, or "delete".
//
//	act NAME ACTION
func doAct(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: act NAME ACTION")
	}
	a := signedIn(ts)
	var servers struct{ Servers []struct{ ID string } }
	a.call("GET", a.compute+"/servers?name=^"+args[0]+"$", nil, &servers)
	url := a.compute + "/servers/" + servers.Servers[0].ID
	if args[1] == "delete" {
		a.call("DELETE", url, nil, nil)
		return
	}
	a.call("POST", url+"/action", object{args[1]: nil}, nil)
}

type object = map[string]any

// api speaks to a cloud without osssh's own client.
type api struct {
	ts                      *testscript.TestScript
	token, compute, network string
}

func signedIn(ts *testscript.TestScript) *api {
	cloud, err := openstack.Load(openstack.Options{Env: ts.Getenv, Dir: ts.Getenv("WORK"), Home: ts.Getenv("HOME")})
	ts.Check(err)
	a := &api{ts: ts}
	a.signIn(cloud)
	return a
}

func (a *api) signIn(cloud *openstack.Cloud) {
	domain := object{"name": "Default"}
	body := object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"name": cloud.Auth.Username, "password": string(cloud.Auth.Password), "domain": domain}}},
		"scope": object{"project": object{"name": cloud.Auth.ProjectName, "domain": domain}},
	}}
	var answer struct {
		Token struct {
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	base := strings.TrimSuffix(strings.TrimSuffix(cloud.AuthURL, "/"), "/v3")
	a.token = a.call("POST", base+"/v3/auth/tokens", body, &answer).Get("X-Subject-Token")
	for _, service := range answer.Token.Catalog {
		for _, endpoint := range service.Endpoints {
			switch {
			case endpoint.Interface != "public":
			case service.Type == "compute":
				a.compute = strings.TrimSuffix(endpoint.URL, "/")
			case service.Type == "network":
				a.network = strings.TrimSuffix(endpoint.URL, "/")
			}
		}
	}
}

func (a *api) call(method, url string, body, into any) http.Header {
	text, err := json.Marshal(body)
	a.ts.Check(err)
	request, err := http.NewRequest(method, url, bytes.NewReader(text))
	a.ts.Check(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", a.token)
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	a.ts.Check(err)
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		a.ts.Check(fmt.Errorf("%s %s: %s", method, url, response.Status))
	}
	if into != nil {
		a.ts.Check(json.NewDecoder(response.Body).Decode(into))
	}
	return response.Header
}
