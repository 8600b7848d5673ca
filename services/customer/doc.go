// Package customer is the customer domain: it materialises Customer Data, Customer Segmentation and Customer Interactions.
package customer
