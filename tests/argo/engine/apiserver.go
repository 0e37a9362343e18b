package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

var (
	errExists   = errors.New("AlreadyExists")
	errMissing  = errors.New("NotFound")
	errConflict = errors.New("Conflict")
	errRefused  = errors.New("Forbidden")
	statuses    = map[error]int{
		errExists: http.StatusConflict, errMissing: http.StatusNotFound, errConflict: http.StatusConflict,
		errRefused: http.StatusForbidden,
	}
	kindOf = map[string]string{
		"pods": "Pod", "configmaps": "ConfigMap", "events": "Event", "namespaces": "Namespace",
		"secrets": "Secret", "serviceaccounts": "ServiceAccount", "workflows": "Workflow",
		"workflowtaskresults": "WorkflowTaskResult", "workflowtasksets": "WorkflowTaskSet",
		"workflowartifactgctasks": "WorkflowArtifactGCTask", "workflowtemplates": "WorkflowTemplate",
		"clusterworkflowtemplates": "ClusterWorkflowTemplate", "cronworkflows": "CronWorkflow",
		"selfsubjectaccessreviews": "SelfSubjectAccessReview",
		"poddisruptionbudgets":     "PodDisruptionBudget", "persistentvolumeclaims": "PersistentVolumeClaim",
	}
)

// apiServer answers Argo's controller as Kubernetes does, out of a store.
type apiServer struct {
	store *store
	// configMaps says whether the account may make ConfigMaps. Argo wants one for a template that is too long for a
	// variable (argo-workflows#14073), and the role of a default installation of Kubeflow Pipelines has no such right.
	configMaps bool
}

// address is what a request's path names.
type address struct {
	version, namespace, resource, name string
}

func parse(path string) address {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var found address
	if parts[0] == "api" {
		found.version, parts = parts[1], parts[2:]
	} else {
		found.version, parts = parts[1]+"/"+parts[2], parts[3:]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		found.namespace, parts = parts[1], parts[2:]
	}
	found.resource = parts[0]
	if len(parts) > 1 {
		found.name = parts[1]
	}
	return found
}

func (a *apiServer) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/"); len(parts) < 3 {
		fail(answer, errMissing)
		return
	}
	at := parse(request.URL.Path)
	if kindOf[at.resource] == "" {
		fail(answer, errMissing)
		return
	}
	var (
		made *unstructured.Unstructured
		err  error
		code = http.StatusOK
	)
	switch request.Method {
	case http.MethodGet:
		if at.name == "" {
			a.listOrWatch(answer, request, at)
			return
		}
		made, err = a.store.get(at.resource, at.namespace, at.name)
	case http.MethodPost:
		made, err = a.create(request, at)
		code = http.StatusCreated
	case http.MethodPut, http.MethodPatch:
		made, err = a.change(request, at)
	case http.MethodDelete:
		err = a.remove(request, at)
		made = &unstructured.Unstructured{Object: map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": map[string]any{},
		}}
	default:
		http.Error(answer, request.Method, http.StatusMethodNotAllowed)
		return
	}
	if err != nil {
		fail(answer, err)
		return
	}
	write(answer, code, made.Object)
}

func (a *apiServer) create(request *http.Request, at address) (*unstructured.Unstructured, error) {
	object, err := read(request)
	if err != nil {
		return nil, err
	}
	object.SetAPIVersion(at.version)
	object.SetKind(kindOf[at.resource])
	if at.resource == "selfsubjectaccessreviews" {
		return object, unstructured.SetNestedField(object.Object, true, "status", "allowed")
	}
	if at.resource == "events" {
		return object, nil
	}
	if at.resource == "configmaps" && !a.configMaps {
		return nil, errRefused
	}
	object.SetNamespace(at.namespace)
	return a.store.create(at.resource, object)
}

func (a *apiServer) change(request *http.Request, at address) (*unstructured.Unstructured, error) {
	given, err := read(request)
	if err != nil {
		return nil, err
	}
	return a.store.update(at.resource, at.namespace, at.name,
		func(before *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			if request.Method == http.MethodPut {
				given.SetAPIVersion(at.version)
				given.SetKind(kindOf[at.resource])
				return given, nil
			}
			before.Object = merge(before.Object, given.Object)
			return before, nil
		})
}

func (a *apiServer) remove(request *http.Request, at address) error {
	if at.name != "" {
		return a.store.remove(at.resource, at.namespace, at.name)
	}
	chosen, err := chosenBy(request, at)
	if err != nil {
		return err
	}
	found, _ := a.store.list(at.resource, chosen)
	for _, one := range found {
		if err := a.store.remove(at.resource, one.GetNamespace(), one.GetName()); err != nil {
			return err
		}
	}
	return nil
}

func (a *apiServer) listOrWatch(answer http.ResponseWriter, request *http.Request, at address) {
	chosen, err := chosenBy(request, at)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	if request.URL.Query().Get("watch") != "true" && request.URL.Query().Get("watch") != "1" {
		found, version := a.store.list(at.resource, chosen)
		write(answer, http.StatusOK, map[string]any{
			"kind": kindOf[at.resource] + "List", "apiVersion": at.version,
			"metadata": map[string]any{"resourceVersion": version}, "items": found,
		})
		return
	}
	version, _ := strconv.ParseInt(request.URL.Query().Get("resourceVersion"), 10, 64)
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(http.StatusOK)
	flusher := answer.(http.Flusher)
	flusher.Flush()
	ended := func() bool { return request.Context().Err() != nil }
	go func() { <-request.Context().Done(); a.store.wake() }()
	encoder := json.NewEncoder(answer)
	for !ended() {
		for _, one := range a.store.since(at.resource, version, ended) {
			version = one.version
			if kind, object, seen := one.event(chosen); seen {
				if err := encoder.Encode(map[string]any{"type": kind, "object": object.Object}); err != nil {
					return
				}
			}
		}
		flusher.Flush()
	}
}

func chosenBy(request *http.Request, at address) (selection, error) {
	byLabel, err := labels.Parse(request.URL.Query().Get("labelSelector"))
	if err != nil {
		return selection{}, err
	}
	byField, err := fields.ParseSelector(request.URL.Query().Get("fieldSelector"))
	return selection{at.namespace, byLabel, byField}, err
}

func read(request *http.Request) (*unstructured.Unstructured, error) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, json.Unmarshal(text, &object.Object)
}

func write(answer http.ResponseWriter, code int, value map[string]any) {
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(code)
	// Whoever went away needs no answer.
	_ = json.NewEncoder(answer).Encode(value)
}

func fail(answer http.ResponseWriter, err error) {
	code, known := statuses[err]
	if !known {
		code = http.StatusBadRequest
	}
	write(answer, code, map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"reason": err.Error(), "message": err.Error(), "code": code,
	})
}

func uuidNew() types.UID { return types.UID(uuid.NewString()) }

func now() metav1.Time { return metav1.Now() }
