package main

import (
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
	for _, reading := range places(name, clouds) {
		if err = p.at(reading, try); !isElsewhere(err) {
			return err
		}
	}
	return err
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
