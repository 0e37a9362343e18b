package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
)

// selection says which objects of a kind are meant.
type selection struct {
	namespace string
	labels    labels.Selector
	fields    fields.Selector
}

func (s selection) matches(object *unstructured.Unstructured) bool {
	if object == nil || s.namespace != "" && object.GetNamespace() != s.namespace {
		return false
	}
	told := fields.Set{"metadata.name": object.GetName(), "metadata.namespace": object.GetNamespace()}
	return s.labels.Matches(labels.Set(object.GetLabels())) && s.fields.Matches(told)
}

// change is what happened to one object: before is nil when it was made, after when it was deleted.
type change struct {
	version       int64
	before, after *unstructured.Unstructured
}

// kept are the objects of one kind and what happened to them, in order.
type kept struct {
	objects map[string]*unstructured.Unstructured
	changes []change
}

// store keeps the objects of a cluster, as the API server does in etcd.
type store struct {
	mutex   sync.Mutex
	changed *sync.Cond
	version int64
	kinds   map[string]*kept
}

func newStore() *store {
	s := &store{kinds: map[string]*kept{}}
	s.changed = sync.NewCond(&s.mutex)
	return s
}

func (s *store) of(resource string) *kept {
	if s.kinds[resource] == nil {
		s.kinds[resource] = &kept{objects: map[string]*unstructured.Unstructured{}}
	}
	return s.kinds[resource]
}

// create adds an object and returns it as it is kept.
func (s *store) create(resource string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	made := object.DeepCopy()
	if made.GetName() == "" {
		made.SetName(made.GetGenerateName() + uuid.NewString()[:8])
	}
	if _, there := s.of(resource).objects[key(made)]; there {
		return nil, errExists
	}
	if made.GetUID() == "" {
		made.SetUID(uuidNew())
	}
	made.SetCreationTimestamp(now())
	s.put(resource, nil, made)
	return made.DeepCopy(), nil
}

// get returns a copy of an object, or errMissing.
func (s *store) get(resource, namespace, name string) (*unstructured.Unstructured, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if found := s.of(resource).objects[namespace+"/"+name]; found != nil {
		return found.DeepCopy(), nil
	}
	return nil, errMissing
}

// list returns copies of the chosen objects and the version of the whole.
func (s *store) list(resource string, chosen selection) ([]unstructured.Unstructured, string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := []unstructured.Unstructured{}
	for _, object := range s.of(resource).objects {
		if chosen.matches(object) {
			found = append(found, *object.DeepCopy())
		}
	}
	return found, strconv.FormatInt(s.version, 10)
}

// update replaces an object by what make returns of it; a version that is older than the kept one is refused.
func (s *store) update(
	resource, namespace, name string, make func(*unstructured.Unstructured) (*unstructured.Unstructured, error),
) (*unstructured.Unstructured, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.of(resource).objects[namespace+"/"+name]
	if before == nil {
		return nil, errMissing
	}
	after, err := make(before.DeepCopy())
	if err != nil {
		return nil, err
	}
	if given := after.GetResourceVersion(); given != "" && given != before.GetResourceVersion() {
		return nil, errConflict
	}
	s.put(resource, before, after)
	return after.DeepCopy(), nil
}

// remove deletes an object.
func (s *store) remove(resource, namespace, name string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.of(resource).objects[namespace+"/"+name]
	if before == nil {
		return errMissing
	}
	s.put(resource, before, nil)
	return nil
}

// put writes one change down and tells those who watch; the caller holds the mutex.
func (s *store) put(resource string, before, after *unstructured.Unstructured) {
	s.version++
	of := s.of(resource)
	if after != nil {
		after.SetResourceVersion(strconv.FormatInt(s.version, 10))
		of.objects[key(after)] = after
	} else {
		delete(of.objects, key(before))
	}
	of.changes = append(of.changes, change{s.version, before, after})
	s.changed.Broadcast()
}

// since waits for changes of a kind that are later than a version, or for the end.
func (s *store) since(resource string, version int64, ended func() bool) []change {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		if ended() {
			return nil
		}
		changes := s.of(resource).changes
		first := len(changes)
		for first > 0 && changes[first-1].version > version {
			first--
		}
		if first < len(changes) {
			return append([]change{}, changes[first:]...)
		}
		s.changed.Wait()
	}
}

// wake lets those who wait look whether their end has come.
func (s *store) wake() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changed.Broadcast()
}

// event is a change as somebody sees it who watches a selection: what no longer matches is deleted for him.
func (c change) event(chosen selection) (watch.EventType, *unstructured.Unstructured, bool) {
	was, is := chosen.matches(c.before), chosen.matches(c.after)
	switch {
	case is && was:
		return watch.Modified, c.after, true
	case is:
		return watch.Added, c.after, true
	case was:
		gone := c.before.DeepCopy()
		if c.after != nil {
			gone = c.after.DeepCopy()
		}
		gone.SetResourceVersion(strconv.FormatInt(c.version, 10))
		return watch.Deleted, gone, true
	default:
		return "", nil, false
	}
}

// merge applies a JSON merge patch (RFC 7386).
func merge(target map[string]any, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for name, value := range patch {
		if value == nil {
			delete(target, name)
		} else if part, nested := value.(map[string]any); nested {
			within, _ := target[name].(map[string]any)
			target[name] = merge(within, part)
		} else {
			target[name] = value
		}
	}
	return target
}

func key(object *unstructured.Unstructured) string {
	return object.GetNamespace() + "/" + object.GetName()
}

// size is how many bytes an object takes as JSON.
func size(value any) int {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("what came as JSON is none: %v", err))
	}
	return len(text)
}

func seconds(since time.Time) float64 {
	return float64(time.Since(since).Milliseconds()) / 1000
}
