"""The Nova SDS011 particle sensor."""
