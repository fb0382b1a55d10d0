//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	neutron "github.com/gophercloud/gophercloud/v2/openstack"
	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

// rulesPrefix begins the name of everything that the test makes.
const rulesPrefix = "osssh-e2e-rules-"

// writer changes what belongs to a project, by neutron's plain JSON.
type writer struct{ client *gophercloud.ServiceClient }

func newWriter(ctx context.Context, cloud *openstack.Cloud) (*writer, error) {
	provider, err := neutron.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: cloud.AuthURL, Username: cloud.Auth.Username, Password: string(cloud.Auth.Password),
		DomainName: cloud.Auth.UserDomainName, TenantName: cloud.Auth.ProjectName, AllowReauth: true,
	})
	if err != nil {
		return nil, err
	}
	client, err := neutron.NewNetworkV2(provider, gophercloud.EndpointOpts{Region: cloud.Region})
	return &writer{client}, err
}

type object = map[string]any

func (w *writer) create(ctx context.Context, collection, kind string, body any, made any) error {
	var into map[string]json.RawMessage
	_, err := w.client.Post(ctx, w.client.ServiceURL(collection), object{kind: body}, &into,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusCreated}})
	if err != nil {
		return err
	}
	return json.Unmarshal(into[kind], made)
}

func (w *writer) setPort(ctx context.Context, id string, body object) error {
	_, err := w.client.Put(ctx, w.client.ServiceURL("ports", id), object{"port": body}, nil,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
	return err
}

func (w *writer) delete(ctx context.Context, collection, id string) error {
	_, err := w.client.Delete(ctx, w.client.ServiceURL(collection, id), nil)
	if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// named is a resource of which only the name counts.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ours lists what the test, or an earlier run of it, has made in a collection.
func (w *writer) ours(ctx context.Context, collection string) ([]named, error) {
	answer := make(map[string][]named)
	_, err := w.client.Get(ctx, w.client.ServiceURL(collection)+"?fields=id&fields=name", &answer, nil)
	found := answer[strings.ReplaceAll(collection, "-", "_")]
	return slices.DeleteFunc(found, func(n named) bool { return !strings.HasPrefix(n.Name, rulesPrefix) }), err
}

// sweep deletes what the test has made in a collection, and has not to keep.
func (w *writer) sweep(ctx context.Context, collection string, keep func(named) bool) error {
	found, err := w.ours(ctx, collection)
	var calls errgroup.Group
	calls.SetLimit(rulesAtOnce)
	for _, n := range found {
		if !keep(n) {
			calls.Go(func() error { return w.delete(ctx, collection, n.ID) })
		}
	}
	return errors.Join(err, calls.Wait())
}

// makeGroup creates a group. It gives its id, and those of the egress rules
// that neutron makes in it.
func (w *writer) makeGroup(ctx context.Context, name string, stateful bool) (id string, egress []string, err error) {
	var made struct {
		ID    string `json:"id"`
		Rules []struct {
			ID        string `json:"id"`
			Direction string `json:"direction"`
		} `json:"security_group_rules"`
	}
	err = w.create(ctx, "security-groups", "security_group", object{"name": name, "stateful": stateful}, &made)
	for _, r := range made.Rules {
		if r.Direction == "egress" {
			egress = append(egress, r.ID)
		}
	}
	return made.ID, egress, err
}

// postedRule is a drawn rule in its group, with ids for names.
type postedRule struct {
	drawnRule
	Group string `json:"security_group_id"`
}

// fill posts rules: at once, or where neutron refuses one of them by
// halves. It tells how many were refused: duplicates, or such as do not fit
// their family.
func (w *writer) fill(ctx context.Context, rules []postedRule) (refused int, err error) {
	if len(rules) == 0 {
		return 0, nil
	}
	_, err = w.client.Post(ctx, w.client.ServiceURL("security-group-rules"), object{"security_group_rules": rules}, nil,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusCreated}})
	if !gophercloud.ResponseCodeIs(err, http.StatusConflict) && !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		return 0, err
	}
	if len(rules) == 1 {
		return 1, nil
	}
	half := len(rules) / 2
	for _, part := range [][]postedRule{rules[:half], rules[half:]} {
		n, err := w.fill(ctx, part)
		refused += n
		if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// makeRound creates a round's groups, all at once: rules name groups, so these
// come first.
func (w *writer) makeRound(ctx context.Context, groups []drawnGroup, ids map[string]string) (refused int, err error) {
	egress := make([][]string, len(groups))
	made := make([]string, len(groups))
	var calls errgroup.Group
	calls.SetLimit(rulesAtOnce)
	for i, g := range groups {
		calls.Go(func() (err error) {
			made[i], egress[i], err = w.makeGroup(ctx, g.name, g.stateful)
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return 0, err
	}
	for i, g := range groups {
		ids[g.name] = made[i]
	}
	refusals := make([]int, len(groups))
	for i, g := range groups {
		calls.Go(func() (err error) {
			for _, rule := range egress[i] {
				if !g.egressAll {
					err = errors.Join(err, w.delete(ctx, "security-group-rules", rule))
				}
			}
			if err == nil {
				refusals[i], err = w.fill(ctx, posted([]drawnGroup{g}, ids))
			}
			return err
		})
	}
	err = calls.Wait()
	for _, n := range refusals {
		refused += n
	}
	return refused, err
}

func posted(groups []drawnGroup, ids map[string]string) []postedRule {
	var rules []postedRule
	for _, g := range groups {
		for _, r := range g.rules {
			rules = append(rules, postedRule{resolved(r, ids), ids[g.name]})
		}
	}
	return rules
}

func resolved(r drawnRule, ids map[string]string) drawnRule {
	for _, name := range []**string{&r.RemoteGroup, &r.RemoteAddressGroup} {
		if *name != nil {
			*name = new(ids[**name])
		}
	}
	return r
}

// instances runs e2e/cloud/instance, which boots, waits and deletes.
func instances(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join("cloud", "instance"), args...)
	cmd.Env = append(os.Environ(), "REALCLOUD_DIR="+state())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("instance %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// connect gives what osssh reads the cloud by.
func connectAs(ctx context.Context, t *testing.T, name string) (*openstack.Cloud, *openstack.Client) {
	t.Helper()
	cloud, err := openstack.Load(openstack.Options{Cloud: name, Env: func(variable string) string {
		if variable == "OS_CLIENT_CONFIG_FILE" {
			return filepath.Join(state(), "clouds.yaml")
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := openstack.Connect(ctx, cloud, openstack.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return cloud, client
}

// networkID finds a network by its name.
func networkID(ctx context.Context, c *openstack.Client, name string) (string, error) {
	found, err := c.Networks(ctx, url.Values{"name": {name}})
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("network %s: %d found: %w", name, len(found), err)
	}
	return found[0].ID, nil
}
