"""`mytorch predict`: a trained model's answers for tables, arrays and images, in constant memory."""
