"""The processes around attempts: the fleet, supervisors (RQ workers), and children as they see them."""
