package openstack

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"
)

const (
	maxPages  = 1000 // a million servers; more is a service that turns in circles
	chunkSize = 100  // values of one filter in one request: a URL of 5 KB
	atOnce    = 8    // requests
)

// errCircle means that a listing goes on for ever.
var errCircle = errors.New("the pages of the listing do not end")

// page is one answer of a listing.
type page[T any] struct {
	items []T
	more  bool
}

// pages walks a listing by the marker of its last item. The first page comes
// also where it is empty.
func pages[T any](ctx context.Context, filter url.Values, get func(context.Context, url.Values) (page[T], error), marker func(T) string) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		query := url.Values{}
		for key, values := range filter {
			query[key] = values
		}
		for range maxPages {
			p, err := get(ctx, query)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(p.items, nil) || !p.more || len(p.items) == 0 {
				return
			}
			next := marker(p.items[len(p.items)-1])
			if next == query.Get("marker") {
				break
			}
			query.Set("marker", next)
		}
		yield(nil, errCircle)
	}
}

// singly gives the items of pages one by one.
func singly[T any](pages iter.Seq2[[]T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for items, err := range pages {
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

func collect[T any](pages iter.Seq2[[]T, error]) ([]T, error) {
	var all []T
	for items, err := range pages {
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// chunked asks for a long list of values in pieces, at once, and gives each
// record only once.
func chunked[T any](ctx context.Context, filter url.Values, get func(context.Context, url.Values) ([]T, error), id func(T) string) ([]T, error) {
	pieces := split(filter)
	if len(pieces) == 1 {
		return get(ctx, pieces[0])
	}
	found := make([][]T, len(pieces))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, piece := range pieces {
		group.Go(func() (err error) {
			found[i], err = get(ctx, piece)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var all []T
	for _, item := range slices.Concat(found...) {
		if key := id(item); !seen[key] {
			seen[key] = true
			all = append(all, item)
		}
	}
	return all, nil
}

// split cuts the filter's long lists. The values of one key are alternatives,
// so the pieces' answers together are the whole answer.
func split(filter url.Values) []url.Values {
	for key, values := range filter {
		if len(values) <= chunkSize {
			continue
		}
		var pieces []url.Values
		for chunk := range slices.Chunk(values, chunkSize) {
			piece := url.Values{}
			for k, v := range filter {
				piece[k] = v
			}
			piece[key] = chunk
			pieces = append(pieces, split(piece)...)
		}
		return pieces
	}
	return []url.Values{filter}
}
