package openstack

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Image gives one image by its id.
func (c *Client) Image(ctx context.Context, id string) (*Image, error) {
	var image Image
	if err := c.do(ctx, request{service: images, path: "images/" + url.PathEscape(id)}, &answer{into: &image}); err != nil {
		return nil, err
	}
	return &image, nil
}

// Images gives those of the images that this project can see. A listing leaves
// out what a cloud hides when it publishes a newer image, and what a community
// shares, so both are asked for where ids are left over.
func (c *Client) Images(ctx context.Context, ids []string) ([]Image, error) {
	found, err := c.imagesBy(ctx, nil, ids)
	if err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(found, func(i Image) bool { return i.ID == id })
	})
	if len(rest) == 0 {
		return found, nil
	}
	filters := []url.Values{{"os_hidden": {"true"}}, {"visibility": {"community"}}}
	more := make([][]Image, len(filters))
	group, ctx := errgroup.WithContext(ctx)
	for i, filter := range filters {
		group.Go(func() (err error) {
			more[i], err = c.imagesBy(ctx, filter, rest)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return append(found, slices.Concat(more...)...), nil
}

// imagesBy lists the images with these ids: glance takes them in one value,
// "in:a,b" (glance API v2, "list images").
func (c *Client) imagesBy(ctx context.Context, filter url.Values, ids []string) ([]Image, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	get := func(ctx context.Context, piece url.Values) ([]Image, error) {
		query := url.Values{"limit": {strconv.Itoa(chunkSize)}, "id": {"in:" + strings.Join(piece["id"], ",")}}
		for key, values := range filter {
			query[key] = values
		}
		var found []Image
		err := c.do(ctx, request{service: images, path: "images", query: query}, &answer{key: "images", into: &found})
		return found, err
	}
	return chunked(ctx, url.Values{"id": ids}, get, func(i Image) string { return i.ID })
}
