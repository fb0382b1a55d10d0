//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	clients "github.com/gophercloud/gophercloud/v2/openstack"

	"osssh/internal/openstack"
)

// api is the cloud's APIs for one user, by their plain JSON.
type api struct {
	network, compute, identity *gophercloud.ServiceClient
}

func newAPI(ctx context.Context, cloud *openstack.Cloud) (*api, error) {
	provider, err := clients.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: cloud.AuthURL, Username: cloud.Auth.Username, Password: string(cloud.Auth.Password),
		DomainName: cloud.Auth.UserDomainName, TenantName: cloud.Auth.ProjectName, AllowReauth: true,
	})
	if err != nil {
		return nil, err
	}
	region := gophercloud.EndpointOpts{Region: cloud.Region}
	a := &api{}
	if a.network, err = clients.NewNetworkV2(provider, region); err != nil {
		return nil, err
	}
	if a.compute, err = clients.NewComputeV2(provider, region); err != nil {
		return nil, err
	}
	a.compute.Microversion = "2.60"
	a.identity, err = clients.NewIdentityV3(provider, region)
	return a, err
}

// call sends body, unless it is nil, and reads the answer into into, unless that
// is nil.
func call(ctx context.Context, c *gophercloud.ServiceClient, method, path string, body, into any) error {
	options := &gophercloud.RequestOpts{JSONBody: body, JSONResponse: into, OkCodes: []int{
		http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent,
	}}
	response, err := c.Request(ctx, method, c.ServiceURL(strings.Split(path, "/")...), options)
	if err == nil && into == nil {
		err = response.Body.Close()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// create posts one thing and gives what the API made of it.
func create(ctx context.Context, c *gophercloud.ServiceClient, collection, kind string, body object) (object, error) {
	var answer map[string]object
	err := call(ctx, c, http.MethodPost, collection, object{kind: body}, &answer)
	return answer[kind], err
}

// change puts fields of one thing.
func change(ctx context.Context, c *gophercloud.ServiceClient, path, kind string, body object) error {
	return call(ctx, c, http.MethodPut, path, object{kind: body}, nil)
}

// remove deletes a thing, if it is there.
func remove(ctx context.Context, c *gophercloud.ServiceClient, path string) error {
	err := call(ctx, c, http.MethodDelete, path, nil, nil)
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// list reads a collection with a filter such as "device_id=…".
func list(ctx context.Context, c *gophercloud.ServiceClient, collection, filter string) ([]object, error) {
	var answer map[string]any
	url := c.ServiceURL(strings.Split(collection, "/")...) + "?" + filter
	if _, err := c.Get(ctx, url, &answer, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}}); err != nil {
		return nil, fmt.Errorf("list %s: %w", collection, err)
	}
	var found []object
	for key, value := range answer {
		items, ok := value.([]any)
		if !ok || strings.HasSuffix(key, "_links") {
			continue
		}
		for _, item := range items {
			if one, ok := item.(object); ok {
				found = append(found, one)
			}
		}
	}
	return found, nil
}

// only gives the id of the one thing of a name.
func only(ctx context.Context, c *gophercloud.ServiceClient, collection, name string) (string, error) {
	found, err := list(ctx, c, collection, "name="+name)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s %s: %d found: %w", collection, name, len(found), err)
	}
	return id(found[0]), nil
}

func id(o object) string { return text(o, "id") }

func text(o object, field string) string {
	s, _ := o[field].(string)
	return s
}

// act starts an action of a server.
func (a *api) act(ctx context.Context, server, action string, argument any) error {
	return call(ctx, a.compute, http.MethodPost, "servers/"+server+"/action", object{action: argument}, nil)
}

// await asks for a server until its status is as wished, and nothing is under way.
func (a *api) await(ctx context.Context, server, status string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		var answer map[string]object
		if err := call(ctx, a.compute, http.MethodGet, "servers/"+server, nil, &answer); err != nil {
			return err
		}
		is, task := text(answer["server"], "status"), text(answer["server"], "OS-EXT-STS:task_state")
		if is == status && task == "" {
			return nil
		}
		if is == "ERROR" {
			return fmt.Errorf("server %s is in ERROR: %v", server, answer["server"]["fault"])
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("server %s is %s, %s, not %s: %w", server, is, task, status, ctx.Err())
		}
	}
}
