package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/resolve"
)

// place is one reading of a NAME: a server in a cloud.
type place struct {
	cloud string // "": the one that flags and environment choose
	name  string
}

// suffix marks a name that ssh_config shall know as one of osssh's.
const suffix = ".osssh"

// places are the readings of [CLOUD/]SERVER and SERVER[.CLOUD].osssh, in the
// order in which they are tried: a server's name may hold a slash or a dot, so
// the chosen cloud is asked for the whole first.
func places(name string, clouds []string) []place {
	base, ours := strings.CutSuffix(name, suffix)
	readings := []place{{"", base}}
	cloud, server, ok := strings.Cut(base, "/")
	if ours {
		at := strings.LastIndexByte(base, '.')
		if ok = at > 0; ok {
			server, cloud = base[:at], base[at+1:]
		}
	}
	if ok && server != "" && slices.Contains(clouds, cloud) {
		readings = append(readings, place{cloud, server})
	}
	return readings
}

// anywhere tries the readings of a NAME until one is a server. With --all-clouds
// a reading that names no cloud is looked for in all of them.
func (p *process) anywhere(name string, try func(name string) error) error {
	var clouds []string
	if strings.Contains(name, "/") || strings.HasSuffix(name, suffix) {
		options, err := p.cloudOptions()
		if err != nil {
			return err
		}
		if clouds, err = openstack.CloudNames(options); err != nil {
			return err
		}
	}
	var err error
	readings := places(name, clouds)
	for i, reading := range readings {
		if last := i == len(readings)-1; !last && !p.allClouds && !p.bears(reading.name) {
			continue
		}
		if err = p.at(reading, try); !isElsewhere(err) {
			return err
		}
	}
	return err
}

// bears says whether the chosen cloud, if one is chosen, has a server of a name
// that more likely names another cloud. So it is not asked for names that come
// close, the user is not asked for a secret of it, and that it does not answer
// costs a line.
func (p *process) bears(name string) bool {
	ctx, cancel := context.WithTimeout(p.ctx, cloudPatience)
	defer cancel()
	cloud, err := p.loadCloud()
	if err == nil {
		p.ui.start()
		p.ui.stage("looking for " + name + " in " + cloud.Name)
		var client *openstack.Client
		if client, err = p.connector(cloud)(ctx, false); err == nil {
			_, err = resolve.FindExactly(ctx, client, name)
		}
	}
	var several *resolve.AmbiguousError
	if err == nil || errors.As(err, &several) {
		return true
	}
	if !isElsewhere(err) && p.ctx.Err() == nil {
		p.ui.notef("not looked for as %s: %s", name, explain(err).what)
	}
	return false
}

// at tries one reading of a NAME.
func (p *process) at(reading place, try func(name string) error) error {
	if reading.cloud == "" && p.allClouds {
		found, err := p.seek(reading.name)
		if err != nil {
			return err
		}
		p.client = found.client
		reading = place{found.cloud, found.name}
	}
	if reading.cloud != "" {
		p.cloud = reading.cloud
	}
	return try(reading.name)
}

// isElsewhere says whether an error leaves another reading to try: no such
// server, or no cloud chosen to ask.
func isElsewhere(err error) bool {
	var missing *resolve.NotFoundError
	var unchosen *openstack.UnknownCloudError
	var everywhere *elsewhereError
	return errors.As(err, &missing) || errors.As(err, &unchosen) && unchosen.Cloud == "" ||
		errors.As(err, &everywhere) && len(everywhere.found) == 0
}
