package secgroup

import (
	"context"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

// GatherUse asks who else is concerned by a rule in one of a port's groups: two
// calls at once, none for a port without groups. What the user may not ask is
// left out and is no error.
func GatherUse(ctx context.Context, c *openstack.Client, port openstack.Port, groups []openstack.SecurityGroup) (GroupUse, error) {
	use := GroupUse{ProjectID: c.ProjectID(), Others: map[string]int{}, Lent: map[string]bool{}}
	var ids []string
	for _, g := range groups {
		if slices.Contains(port.SecurityGroups, g.ID) {
			ids = append(ids, g.ID)
		}
	}
	if len(ids) == 0 {
		return use, nil
	}
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() error {
		bearers, err := bearersOf(asked, c, ids)
		if err != nil {
			return unlessUnreadable(err)
		}
		for _, id := range ids {
			use.Others[id] = 0
			for _, p := range bearers {
				if p.ID != port.ID && slices.Contains(p.SecurityGroups, id) {
					use.Others[id]++
				}
			}
		}
		return nil
	})
	asking.Go(func() error {
		lent, err := c.LentSecurityGroups(asked, ids)
		if err != nil {
			return unlessUnreadable(err)
		}
		for _, id := range ids {
			use.Lent[id] = slices.Contains(lent, id)
		}
		return nil
	})
	return use, asking.Wait()
}

// bearersOf are the ports that bear any of the groups. A neutron without the
// extension port-security-groups-filtering gives all ports.
func bearersOf(ctx context.Context, c *openstack.Client, groups []string) ([]openstack.Port, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	return c.Ports(ctx, url.Values{"security_groups": groups, "fields": {"id", "device_id", "security_groups"}})
}

func unlessUnreadable(err error) error {
	if openstack.IsNotFound(err) || openstack.IsForbidden(err) {
		return nil
	}
	return err
}
