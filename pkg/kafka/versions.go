package kafka

import (
	"context"
	"fmt"
	"sync"
)

// Features are the cluster-wide features that have been finalized (switched on), by level. 0 means absent.
type Features struct {
	TransactionVersion int // 2: KIP-890, every transaction has its own producer epoch
	GroupVersion       int // 1: KIP-848, the broker assigns partitions
	All                map[string]int
}

// brokerVersions is a broker's answer to ApiVersions.
type brokerVersions struct {
	apis     map[int16][2]int16 // key -> min, max
	features map[string]int
	epoch    int64 // of the finalized features; -1 unknown
}

// versionCache holds answers by broker address.
type versionCache struct {
	mu sync.Mutex
	at map[string]*brokerVersions
}

func (s *versionCache) get(addr string) *brokerVersions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[addr]
}

func (s *versionCache) set(addr string, v *brokerVersions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[string]*brokerVersions{}
	}
	s.at[addr] = v
}

func (s *versionCache) forget(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, addr)
}

func (s *versionCache) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = nil
}

// negotiate is the version to speak with the broker at addr.
func (c *Client) negotiate(ctx context.Context, addr string, req *request) (int16, error) {
	bv, err := c.brokerVersions(ctx, addr)
	if err != nil {
		return 0, err
	}
	r, ok := bv.apis[req.api.key]
	if !ok {
		return 0, fmt.Errorf("%s at broker %s: %w: it offers no version of this API", req.api.name, addr, ErrUnsupported)
	}
	v := min(req.max, r[1])
	if v < req.min || v < r[0] {
		return 0, fmt.Errorf("%s at broker %s: %w: it offers versions %d to %d, this client speaks %d to %d",
			req.api.name, addr, ErrUnsupported, r[0], r[1], req.min, req.max)
	}
	return v, nil
}

// offers says whether the broker at the route speaks the API in version v or a later one.
func (c *Client) offers(ctx context.Context, to route, a api, v int16) (bool, error) {
	addr, err := c.route(ctx, &request{api: a, to: to})
	if err != nil {
		return false, err
	}
	bv, err := c.brokerVersions(ctx, addr)
	if err != nil {
		return false, err
	}
	r, ok := bv.apis[a.key]
	return ok && r[1] >= v, nil
}

func (c *Client) brokerVersions(ctx context.Context, addr string) (*brokerVersions, error) {
	if bv := c.versions.get(addr); bv != nil {
		return bv, nil
	}
	bv, err := c.askVersions(ctx, addr, 3)
	if Code(err) == codeUnsupportedVersion {
		bv, err = c.askVersions(ctx, addr, 0)
	}
	if err != nil {
		return nil, err
	}
	c.versions.set(addr, bv)
	return bv, nil
}

func (c *Client) askVersions(ctx context.Context, addr string, version int16) (*brokerVersions, error) {
	bv := &brokerVersions{apis: map[int16][2]int16{}, features: map[string]int{}, epoch: -1}
	err := c.exchange(ctx, addr, &request{
		api: apiAPIVersions, version: version,
		write: func(e *encoder, v int16) {
			if v >= 3 {
				e.str("meshwork")
				e.str("1")
				e.tags()
			}
		},
		read: func(d *decoder, v int16) error {
			if code := d.i16(); code != 0 {
				d.b = nil // a broker that does not know the version answers in version 0, which we do not need
				return codeErr(apiAPIVersions, code)
			}
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				key := d.i16()
				bv.apis[key] = [2]int16{d.i16(), d.i16()}
				d.tags()
			}
			if v < 3 {
				return nil
			}
			d.throttled()
			bv.readFeatures(d)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return bv, nil
}

// readFeatures reads the tagged fields 0 supported features, 1 epoch, 2 finalized features.
func (bv *brokerVersions) readFeatures(d *decoder) {
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		tag := d.uvarint()
		size := d.uvarint()
		if size > uint64(len(d.b)) {
			d.fail()
			return
		}
		t := decoder{b: d.take(int(size)), flex: true}
		switch tag {
		case 1:
			bv.epoch = t.i64()
		case 2:
			for k := t.arr(); k > 0 && t.err == nil; k-- {
				name := t.str()
				bv.features[name] = int(t.i16()) // max level; the min level follows
				t.i16()
				t.tags()
			}
		}
		if t.err != nil {
			d.fail()
		}
	}
}

// Features asks a broker for the finalized features. It does not use cached answers: an operator may have switched
// one on since.
func (c *Client) Features(ctx context.Context) (Features, error) {
	var f Features
	err := c.retry(ctx, func(ctx context.Context) error {
		addr, err := c.route(ctx, &request{api: apiAPIVersions, to: toAny()})
		if err != nil {
			return err
		}
		c.versions.forget(addr)
		bv, err := c.brokerVersions(ctx, addr)
		if err != nil {
			return err
		}
		f = Features{
			TransactionVersion: bv.features["transaction.version"],
			GroupVersion:       bv.features["group.version"],
			All:                bv.features,
		}
		return nil
	})
	return f, err
}
