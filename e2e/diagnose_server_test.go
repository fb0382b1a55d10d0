//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Which server is meant, and whether it runs.
func serverScenarios() []scenario {
	return []scenario{
		{id: "S1", what: "the name in capitals", quick: true, among: certain, fix: byLogin, harm: func(_ context.Context, s *scene) error {
			s.ask(strings.ToUpper(s.guest.name))
			return nil
		}},
		{id: "S2", what: "two servers of one name", among: certain, fix: byLogin, harm: func(ctx context.Context, s *scene) error {
			rename := func(name string) func(context.Context) error {
				return func(ctx context.Context) error {
					return change(ctx, s.demo.compute, "servers/"+s.guest.beside, "server", object{"name": name})
				}
			}
			s.undo(rename(s.guest.besideName))
			return rename(s.guest.name)(ctx)
		}},
		{id: "S3", what: "deleted", among: certain, harm: func(ctx context.Context, s *scene) error {
			server, err := s.bare(ctx, s.demo, "deleted", object{"networks": "none"})
			if err != nil {
				return err
			}
			return errors.Join(s.demo.await(ctx, server, "ACTIVE"), s.deleteServer(ctx, server))
		}},
		{id: "S5", what: "its port is not wired yet", among: certain, harm: func(ctx context.Context, s *scene) error {
			port, err := create(ctx, s.demo.network, "ports", "port", object{"network_id": s.guest.network, "name": whyPrefix + "unwired", "admin_state_up": false})
			if err != nil {
				return err
			}
			s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "ports/"+id(port)) })
			_, err = s.bare(ctx, s.demo, "building", object{"networks": []object{{"port": id(port)}}})
			return err
		}},
		{id: "S6", what: "no host for its flavor", among: certain, harm: noHost},
		{id: "S7", what: "stopped", quick: true, among: certain, fix: byLogin, harm: inStatus("os-stop", "SHUTOFF", "os-start")},
		{id: "S8", what: "paused", among: certain, fix: byLogin, harm: inStatus("pause", "PAUSED", "unpause")},
		{id: "S8", what: "suspended", among: certain, fix: byLogin, harm: inStatus("suspend", "SUSPENDED", "resume")},
		{id: "S9", what: "shelved", among: certain, harm: inStatus("shelve", "SHELVED_OFFLOADED", "unshelve")},
		{id: "S10", what: "rescued", among: certain, harm: func(ctx context.Context, s *scene) error {
			// this cloud's machines are off while they are rescued, and after it
			s.undo(func(ctx context.Context) error { return s.guest.reboot(ctx) })
			return inStatus("rescue", "RESCUE", "unrescue")(ctx, s)
		}},
	}
}

// inStatus brings the guest into another state, from which an action leads back.
func inStatus(action, status, back string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		s.undo(func(ctx context.Context) error {
			var answer map[string]object
			err := call(ctx, s.demo.compute, http.MethodGet, "servers/"+s.guest.id, nil, &answer)
			if err == nil && text(answer["server"], "status") != "ACTIVE" {
				err = s.demo.act(ctx, s.guest.id, back, nil)
			}
			if err == nil {
				err = s.demo.await(ctx, s.guest.id, "ACTIVE")
			}
			if err != nil || !s.guest.exists() {
				return err
			}
			// this cloud's machines lose their keys while they are shelved
			return errors.Join(s.guest.restore(), s.guest.restart(ctx))
		})
		if err := s.logIn(ctx); err != nil { // a restarted guest prints no host keys: it is known from before
			return err
		}
		var argument any
		if action == "rescue" {
			argument = object{}
		}
		if err := s.demo.act(ctx, s.guest.id, action, argument); err != nil {
			return err
		}
		return s.demo.await(ctx, s.guest.id, status)
	}
}

// bare creates another server than the guest, which osssh is asked about.
func (s *scene) bare(ctx context.Context, as *api, name string, with object) (string, error) {
	name = s.guest.name + name
	body := object{"name": name, "imageRef": s.image, "flavorRef": s.flavor}
	for k, v := range with {
		body[k] = v
	}
	made, err := create(ctx, as.compute, "servers", "server", body)
	if err != nil {
		return "", err
	}
	s.undo(func(ctx context.Context) error { return s.deleteServer(ctx, id(made)) })
	s.ask(name)
	return id(made), nil
}

// noHost asks for a server that no host can take.
func noHost(ctx context.Context, s *scene) error {
	flavor, err := create(ctx, s.admin.compute, "flavors", "flavor", object{"name": whyPrefix + "flavor", "ram": 64, "vcpus": 1, "disk": 1})
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, s.admin.compute, "flavors/"+id(flavor)) })
	err = call(ctx, s.admin.compute, http.MethodPost, "flavors/"+id(flavor)+"/os-extra_specs",
		object{"extra_specs": object{"trait:STORAGE_DISK_SSD": "required"}}, nil)
	if err != nil {
		return err
	}
	server, err := s.bare(ctx, s.demo, "nohost", object{"networks": "none", "flavorRef": id(flavor)})
	if err != nil {
		return err
	}
	if err := s.demo.await(ctx, server, "ACTIVE"); err == nil || !strings.Contains(err.Error(), "is in ERROR") {
		return fmt.Errorf("a server that needs what no host has: %w", err)
	}
	return nil
}
