// Package eshop is the eshop domain: it takes what visitors do in the shop, and materialises Shopping Cart, Page Navigation and User Information.
package eshop
